"""The structure of an InferenceService document: fields known, of their type, and complete."""

import re
from pathlib import Path
from typing import Any

from trellis.local import fields
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import (
    API_VERSION,
    PREDICTOR,
    InferenceService,
    build,
    value_at,
)
from trellis.local.yaml_lines import FieldPath, YamlDocument, dotted

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
#: Revision names end in -00001 and are DNS labels of at most 63 characters.
_LONGEST_NAME = 57


class _Checker:
    """Collects the findings of one document."""

    def __init__(self, document: YamlDocument, file: Path) -> None:
        self._document = document
        self._file = file
        self.findings: list[Finding] = []

    def error(self, path: FieldPath, problem: str, remedy: str = "") -> None:
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
                self.error((*path, str(key)), "no such field in an InferenceService", remedy)
        return value

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
            if not isinstance(entry.get("name"), str):
                self.error((*here, "name"), f"is {kind_of(entry.get('name'))}; expected a string")
            value = entry.get("value", "")
            if not isinstance(value, str):
                remedy = f'quote it: "{value}"'
                self.error((*here, "value"), f"is {kind_of(value)}; expected a string", remedy)


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


def read(document: YamlDocument, file: Path) -> tuple[InferenceService | None, list[Finding]]:
    """The InferenceService of a document, or None with at least one error among the findings."""
    check = _Checker(document, file)
    for path in document.repeated:
        check.error(path, "is given twice in one mapping", "keep one of them")
    check.mapping((), fields.TOP)
    if (version := document.value.get("apiVersion")) != API_VERSION:
        check.error(("apiVersion",), f"is {kind_of(version)}; expected {API_VERSION}")
    _metadata(check)
    main: FieldPath | None = None
    if check.mapping(("spec",), fields.SPEC) is not None:
        predictor = check.mapping(PREDICTOR, fields.PREDICTOR)
        if predictor is not None:
            _canary(check, predictor)
            main = _main(check, predictor)
    if check.findings or main is None:
        return None, check.findings
    return build(document, file, main), []


def _metadata(check: _Checker) -> None:
    metadata = check.mapping(("metadata",), fields.METADATA)
    if metadata is None:
        return
    name = metadata.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        check.error(
            ("metadata", "name"),
            f"is {kind_of(name)}; expected lower-case letters, digits and dashes, starting with a"
            f" letter, at most {_LONGEST_NAME} characters",
        )
    for key in ("labels", "annotations"):
        if metadata.get(key) is None:
            continue
        for label, value in (check.mapping(("metadata", key)) or {}).items():
            if not isinstance(value, str):
                here = ("metadata", key, str(label))
                text = str(value).lower() if isinstance(value, bool) else value
                check.error(here, f"is {kind_of(value)}; expected a string", f'quote it: "{text}"')


def _canary(check: _Checker, predictor: dict[str, Any]) -> None:
    path = (*PREDICTOR, "canaryTrafficPercent")
    percent = predictor.get("canaryTrafficPercent")
    if percent is None:
        return
    # bool is an int to Python, not to Kubernetes.
    if isinstance(percent, bool) or not isinstance(percent, int):
        check.error(path, f"is {kind_of(percent)}; expected a whole number from 0 to 100")
    elif not 0 <= percent <= 100:  # percent
        remedy = "KServe itself does not check this: 0 rolls back, 100 promotes"
        check.error(path, f"is {percent}; expected a whole number from 0 to 100", remedy)


def _main(check: _Checker, predictor: dict[str, Any]) -> FieldPath | None:
    """The path of what serves: ``model``, or the container named kserve-container."""
    legacy = sorted(set(predictor) & fields.LEGACY_FRAMEWORKS)
    if legacy:
        remedy = f"write model: with modelFormat: {{name: {legacy[0]}}}"
        check.error(
            (*PREDICTOR, legacy[0]), "is KServe's older form, which names no runtime", remedy
        )
        return None
    if "model" in predictor and "containers" in predictor:
        check.error(
            (*PREDICTOR, "containers"), "stands beside model", "keep one: which of them serves?"
        )
        return None
    if "model" in predictor:
        return _model(check)
    if "containers" in predictor:
        return _container(check, predictor["containers"])
    remedy = "add model: with modelFormat and storageUri, or containers:"
    check.error(PREDICTOR, "has neither model nor containers", remedy)
    return None


def _model(check: _Checker) -> FieldPath | None:
    path = (*PREDICTOR, "model")
    model = check.mapping(path, fields.MODEL)
    if model is None:
        return None
    model_format = check.mapping((*path, "modelFormat"), frozenset({"name", "version"}))
    if model_format is not None and not isinstance(model_format.get("name"), str):
        came = kind_of(model_format.get("name"))
        check.error((*path, "modelFormat", "name"), f"is {came}; expected a string")
    uri = model.get("storageUri")
    if uri is None and model.get("storage") is None:
        remedy = "add for example storageUri: pvc://models/tomato/v2"
        check.error(
            (*path, "storageUri"), "is missing: nothing says which version to serve", remedy
        )
    elif uri is not None and not isinstance(uri, str):
        check.error((*path, "storageUri"), f"is {kind_of(uri)}; expected a string")
    return _runnable(check, path)


def _container(check: _Checker, containers: Any) -> FieldPath | None:
    path = (*PREDICTOR, "containers")
    if not isinstance(containers, list) or not containers:
        check.error(path, f"is {kind_of(containers)}; expected a list with kserve-container")
        return None
    named = [
        index
        for index, container in enumerate(containers)
        if isinstance(container, dict) and container.get("name") == "kserve-container"
    ]
    if len(named) != 1:
        how_many = "none" if not named else "more than one"
        remedy = "name the container that serves kserve-container"
        check.error(path, f"{how_many} of them is named kserve-container", remedy)
        return None
    here = (*path, named[0])
    check.mapping(here, fields.CONTAINER)
    return _runnable(check, here)


def _runnable(check: _Checker, path: FieldPath) -> FieldPath:
    check.strings((*path, "command"))
    check.strings((*path, "args"))
    check.env((*path, "env"))
    return path
