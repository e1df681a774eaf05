"""What a request to change an InferenceService is given, beside what it asks for. Pure.

Two things, both of the canary's weight and nothing else:

- a request that changes the version has weight 0, so that not one request reaches it until the
  plan gives it a first step. KServe would give it the weight that the last one had, or all traffic
  where the field is absent;
- a weight that the request leaves out, though a rollout is under way, is what it was: KServe would
  take its absence for a promotion.

An explicit other weight is let through: whoever writes it means it, and the Rollout pauses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from trellis.contracts.rollout_status import Phase
from trellis.rollout.cluster.api import MANAGER

Action = Literal["held", "restored", "unchanged"]

_PREDICTOR = "/spec/predictor"
_FIELD = f"{_PREDICTOR}/canaryTrafficPercent"
_WEIGHT = "canaryTrafficPercent"
#: In these the weight stands for something: with it gone, KServe would give all to the newest.
_UNDER_WAY: frozenset[Phase] = frozenset(
    ("Waiting", "Progressing", "Paused", "RollingBack", "RolledBack")
)
#: Of a container, what decides what it computes; the rest makes a revision of the same version.
_OF_CONTAINER = ("name", "image", "command", "args", "env", "envFrom")
#: Of spec.predictor.model (and KServe's older fields of frameworks), likewise.
_OF_MODEL = (
    *_OF_CONTAINER,
    "modelFormat",
    "protocolVersion",
    "runtime",
    "runtimeVersion",
    "storage",
    "storageUri",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Governing:
    """The Rollout of an InferenceService, as far as admission asks; ``warning`` is for whoever sends
    a request.
    """

    name: str
    phase: Phase
    same_version: Literal["follow", "trial"] = "follow"
    warning: str = ""


@dataclass(frozen=True)
class Admitted:
    """A JSON Patch, and sentences for whoever sent the request."""

    action: Action = "unchanged"
    patch: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()


def admit(request: Mapping[str, Any], governing: Governing | None) -> Admitted:
    """``request`` is that of an AdmissionReview; the same for a dry run."""
    if governing is None or request.get("operation") != "UPDATE" or _by_us(request):
        return Admitted()
    admitted = _admit(request.get("oldObject") or {}, request.get("object") or {}, governing)
    if governing.warning:
        return replace(admitted, warnings=(*admitted.warnings, governing.warning))
    return admitted


def _admit(old: Mapping[str, Any], new: Mapping[str, Any], governing: Governing) -> Admitted:
    if not _predictor(new):
        return Admitted()  # the API server refuses it, with words of its own
    weight, before = _predictor(new).get(_WEIGHT), _predictor(old).get(_WEIGHT)
    if weight is not None and weight != before:
        return Admitted(warnings=(_advice(new, governing),))
    if _is_new(old, new, governing):
        return Admitted() if weight == 0 else Admitted("held", [_set(0, weight)])
    if weight is None and before is not None and governing.phase in _UNDER_WAY:
        return Admitted("restored", [_set(before, weight)])
    return Admitted()


def _advice(new: Mapping[str, Any], governing: Governing) -> str:
    name = new["metadata"].get("name", "")
    return f"Rollout {governing.name} moves the traffic of {name}: leave {_WEIGHT} out"


def _set(weight: int, present: int | None) -> Mapping[str, Any]:
    return {"op": "add" if present is None else "replace", "path": _FIELD, "value": weight}


def _by_us(request: Mapping[str, Any]) -> bool:
    """Whether the controller sent it: its promotion is the field's absence."""
    return (request.get("options") or {}).get("fieldManager") == MANAGER


def _is_new(old: Mapping[str, Any], new: Mapping[str, Any], governing: Governing) -> bool:
    """Whether the request makes a revision that is to be tried."""
    if governing.same_version == "trial":
        return bool(_revision(old) != _revision(new))
    return bool(_version(old) != _version(new))


def _predictor(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is asked for has not been held to its schema yet: anything may stand in a field."""
    return _mapping(_mapping(service.get("spec")).get("predictor"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _version(service: Mapping[str, Any]) -> Any:
    """What decides what the predictor computes."""
    told: dict[str, Any] = {}
    for field, value in _predictor(service).items():
        if field in {"containers", "initContainers"}:
            containers = value if isinstance(value, list) else ()
            told[field] = [_only(_mapping(container), _OF_CONTAINER) for container in containers]
        elif field == "storageUris":
            told[field] = value
        elif isinstance(value, Mapping) and ("storageUri" in value or field == "model"):
            told[field] = _only(value, _OF_MODEL)
    return told


def _revision(service: Mapping[str, Any]) -> Any:
    """All that KServe makes a new revision for: labels, annotations, the predictor."""
    metadata = service.get("metadata") or {}
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(_LAST_APPLIED, None)
    predictor = {k: v for k, v in _predictor(service).items() if k != _WEIGHT}
    return metadata.get("labels") or {}, annotations, predictor


def _only(value: Mapping[str, Any], fields: Sequence[str]) -> Mapping[str, Any]:
    return {field: value[field] for field in fields if value.get(field)}
