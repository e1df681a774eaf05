"""Rollouts and Experiments of manifests: a document to its type, or what is wrong by line and field.

The rules are those of ``trellis.contracts``, which the API server has as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from trellis.contracts.amounts import DURATION_PATTERN, SHARE_PATTERN
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.routing_table import WireDocument
from trellis.local import fields
from trellis.local.checker import Checker, kind_of
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import value_at
from trellis.local.yaml_lines import FieldPath, YamlDocument, dotted
from trellis.rollout.resources import API_VERSION, GROUP, KINDS, ResourceKind

Spec = TypeVar("Spec", bound=WireDocument)

#: Kinds of ours by what a document calls them.
BY_KIND = {kind.kind: kind for kind in KINDS}

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
#: What a text has to look like, in words.
_FORMS = {
    DURATION_PATTERN: "a duration with its units, as 250ms, 90s or 1h30m",
    SHARE_PATTERN: "a percentage with its sign, as 0.5%",
}


@dataclass(frozen=True)
class CustomResource(Generic[Spec]):
    """One of them that is well formed, with the document it came from for lines."""

    name: str
    file: Path
    document: YamlDocument
    spec: Spec

    @property
    def place(self) -> str:
        """Where it stands, for a person."""
        return f"{self.file}:{self.document.first_line}"

    def finding(
        self, severity: Severity, path: FieldPath, problem: str, remedy: str = ""
    ) -> Finding:
        """What is to be said of the field at ``path``."""
        line = self.document.line(path)
        return Finding(severity, self.file, line, dotted(path), problem, remedy)


Rollout = CustomResource[RolloutSpec]
Experiment = CustomResource[ExperimentSpec]


def ours(value: dict[str, Any]) -> bool:
    """Whether a document means one of them: Argo has a Rollout of its own, in another group."""
    version = value.get("apiVersion")
    of_others = isinstance(version, str) and version.partition("/")[0] != GROUP
    # A kind may be of any type, and what cannot be hashed is in no mapping.
    return value.get("kind") in list(BY_KIND) and not of_others


def read(
    document: YamlDocument, file: Path, kind: ResourceKind
) -> tuple[CustomResource[Any] | None, list[Finding]]:
    """The resource of a document, or None with at least one error among the findings."""
    check = Checker(
        document, file, f"a {kind.kind}" if kind.kind == "Rollout" else f"an {kind.kind}"
    )
    for path in document.repeated:
        check.error(path, "is given twice in one mapping", "keep one of them")
    check.mapping((), _TOP)
    if (version := document.value.get("apiVersion")) != API_VERSION:
        check.error(("apiVersion",), f"is {kind_of(version)}; expected {API_VERSION}")
    name = _name(check, document, kind)
    spec: WireDocument | None = None
    if check.mapping(("spec",)) is not None:
        try:
            text = orjson.dumps(document.value["spec"], option=orjson.OPT_NON_STR_KEYS)
            spec = kind.spec.model_validate_json(text, strict=True)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                _tell(check, found, kind)
    if check.findings or spec is None:
        return None, check.findings
    return CustomResource(name, file, document, spec), []


def _name(check: Checker, document: YamlDocument, kind: ResourceKind) -> str:
    metadata = check.mapping(("metadata",), fields.METADATA)
    if metadata is None:
        return ""
    check.types(("metadata",), fields.METADATA_TYPES)
    check.texts(("metadata", "labels"))
    check.texts(("metadata", "annotations"))
    name = value_at(document.value, ("metadata", "name"))
    if isinstance(name, str) and len(name) <= kind.longest_name and _NAME.fullmatch(name):
        return name
    words = "expected lower-case letters, digits, dots and dashes, at most"
    check.error(("metadata", "name"), f"is {kind_of(name)}; {words} {kind.longest_name} characters")
    return ""


def _tell(check: Checker, found: ErrorDetails, kind: ResourceKind) -> None:
    known = _names(kind.spec)
    path: FieldPath = ("spec", *found["loc"])
    came = kind_of(found["input"])
    match found["type"]:
        case "missing":
            check.error(path, "is missing", "add it")
        case "extra_forbidden":
            near = fields.near_name(str(path[-1]), known)
            remedy = f"did you mean {near}?" if near else "remove it"
            check.error(path, f"no such field in {check.what}", remedy)
        case "value_error":
            words = str(found["ctx"]["error"])
            field, _, rest = words.partition(": ")
            named = field.partition(".")[0] in known
            if named and rest:  # the sentence begins with the field that it is about
                path, words = (*path, *field.split(".")), rest
            check.error(path, words)
        case "string_pattern_mismatch":
            pattern = found["ctx"]["pattern"]
            form = _FORMS.get(pattern, f"a text like {pattern}")
            check.error(path, f"is {came}; expected {form}")
        case _:
            words = found["msg"].removeprefix("Input should ")
            check.error(path, f"is {came}; should {words[:1].lower()}{words[1:]}")


def _names(model: type[BaseModel]) -> frozenset[str]:
    """Every field's name on the wire, of ``model`` and of what it holds."""
    return frozenset(_keys(model.model_json_schema(by_alias=True)))


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from _keys(part)
