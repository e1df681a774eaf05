"""Collects what is wrong with one document, field by field."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trellis.local import fields
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import value_at
from trellis.local.yaml_lines import FieldPath, YamlDocument, dotted

_ENV_NAME = re.compile(r"[-._A-Za-z][-._A-Za-z0-9]*")
_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_TYPE_WORDS = {
    int: "a whole number, 0 or more",
    str: "a string",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


class Checker:
    """Collects the findings of one document; ``what`` it is, in words."""

    def __init__(
        self, document: YamlDocument, file: Path, what: str = "an InferenceService"
    ) -> None:
        self._document = document
        self._file = file
        self.what = what
        self.findings: list[Finding] = []

    def error(self, path: FieldPath, problem: str, remedy: str = "") -> None:
        """Note that the field at ``path`` is wrong."""
        line = self._document.line(path)
        found = Finding(Severity.ERROR, self._file, line, dotted(path), problem, remedy)
        self.findings.append(found)

    def mapping(
        self, path: FieldPath, known: frozenset[str] | None = None
    ) -> dict[str, Any] | None:
        """The mapping at ``path``; None, with an error, where it is something else or missing."""
        value = value_at(self._document.value, path)
        if not isinstance(value, dict):
            what = "is missing" if value is None else f"is {kind_of(value)}"
            self.error(path, f"{what}; expected a mapping")
            return None
        for key in value:
            if known is not None and key not in known:
                near = fields.near_name(str(key), known)
                remedy = f"did you mean {near}?" if near else "remove it"
                self.error((*path, str(key)), f"no such field in {self.what}", remedy)
        return value

    def types(self, path: FieldPath, expected: Mapping[type, frozenset[str]]) -> None:
        """An error for each field of the mapping at ``path`` that is not of its type."""
        for kind, names in expected.items():
            for name in sorted(names):
                here = (*path, name)
                value = value_at(self._document.value, here)
                if value is None or (_is(value, kind) and (kind is not int or value >= 0)):
                    continue
                remedy = f'quote it: "{value}"' if kind is str and _is(value, int) else ""
                self.error(here, f"is {kind_of(value)}; expected {_TYPE_WORDS[kind]}", remedy)

    def resources(self, path: FieldPath) -> None:
        """An error unless requests and limits are absent or map resources to quantities."""
        if not isinstance(value_at(self._document.value, path), dict):  # `types` has said so
            return
        self.mapping(path, fields.RESOURCES)
        for which in ("requests", "limits"):
            here = (*path, which)
            if value_at(self._document.value, here) is None:
                continue
            for name, amount in (self.mapping(here) or {}).items():
                number = isinstance(amount, int | float) and not isinstance(amount, bool)
                if number or (isinstance(amount, str) and _QUANTITY.fullmatch(amount)):
                    continue
                problem = f"is {kind_of(amount)}; expected a quantity such as 500m, 1 or 512Mi"
                self.error((*here, name), problem)

    def strings(self, path: FieldPath) -> None:
        """An error unless the field is absent or a list of strings."""
        value = value_at(self._document.value, path)
        if value is None:
            return
        if not isinstance(value, list):
            self.error(path, f"is {kind_of(value)}; expected a list of strings")
            return
        for index, word in enumerate(value):
            if not isinstance(word, str):
                here = (*path, index)
                self.error(here, f"is {kind_of(word)}; expected a string", f'quote it: "{word}"')

    def texts(self, path: FieldPath) -> None:
        """An error unless the field is absent or a mapping to strings."""
        if value_at(self._document.value, path) is None:
            return
        for key, value in (self.mapping(path) or {}).items():
            if not isinstance(value, str):
                here = (*path, str(key))
                text = str(value).lower() if isinstance(value, bool) else value
                self.error(here, f"is {kind_of(value)}; expected a string", f'quote it: "{text}"')

    def env(self, path: FieldPath) -> None:
        """An error unless the field is absent or a list of name and value strings."""
        entries = value_at(self._document.value, path)
        if entries is None:
            return
        if not isinstance(entries, list):
            self.error(path, f"is {kind_of(entries)}; expected a list of name and value")
            return
        for index in range(len(entries)):
            here = (*path, index)
            entry = self.mapping(here, fields.ENV)
            if entry is None:
                continue
            name = entry.get("name")
            if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
                problem = f"is {kind_of(name)}; expected letters, digits and _, no digit first"
                self.error((*here, "name"), problem)
            value = entry.get("value", "")
            if not isinstance(value, str):
                remedy = f'quote it: "{value}"'
                self.error((*here, "value"), f"is {kind_of(value)}; expected a string", remedy)


def _is(value: Any, kind: type) -> bool:
    """Whether ``value`` is of ``kind``; a boolean is an int to Python, not to Kubernetes."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def kind_of(value: Any) -> str:
    """A value's type and content in a reader's words."""
    if value is None:
        return "missing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    return f"{value!r}"
