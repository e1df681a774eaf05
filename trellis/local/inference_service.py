"""One InferenceService as a type: what its revision runs, and its canary's share.

Only what a revision is made of is kept; what the platform around it would do (scaling,
scheduling) is left to `trellis.local.validate` to name.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from trellis.contracts.tensors import Document
from trellis.local.findings import Finding, Severity
from trellis.local.runtimes import DEFAULT, RUNTIMES
from trellis.local.yaml_lines import FieldPath, YamlDocument, dotted

API_VERSION = "serving.kserve.io/v1beta1"
PREDICTOR: FieldPath = ("spec", "predictor")
#: KServe copies every annotation into the revision but this one.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
#: Where KServe mounts what STORAGE_URI or storageUri names.
MOUNT = "/mnt/models"


class Template(Document):
    """What a revision runs: kept in the state, since stable may run what no file says any more."""

    digest: str
    storage_uri: str | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}


@dataclass(frozen=True)
class InferenceService:
    """One InferenceService, with the document it came from for lines."""

    name: str
    namespace: str
    file: Path
    document: YamlDocument
    template: Template
    canary_percent: int | None
    main: FieldPath  #: path of the model or of kserve-container, whichever there is

    def line(self, path: FieldPath) -> int:
        """The line of a field."""
        return self.document.line(path)

    def at(self, path: FieldPath) -> Any:
        """The field's value, or None."""
        return value_at(self.document.value, path)

    def finding(
        self, severity: Severity, path: FieldPath, problem: str, remedy: str = ""
    ) -> Finding:
        """What is to be said of the field at ``path``."""
        return Finding(severity, self.file, self.line(path), dotted(path), problem, remedy)


def value_at(value: Any, path: FieldPath) -> Any:
    """What ``value`` holds at ``path``, or None where it does not reach."""
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def build(document: YamlDocument, file: Path, main: FieldPath) -> InferenceService:
    """The type of a document whose structure was checked; ``main`` is where its container is."""
    value = document.value
    container = value_at(value, main)
    env = {
        str(entry["name"]): str(entry["value"])
        for entry in container.get("env") or []
        if "value" in entry
    }
    uri = container.get("storageUri") if main[-1] == "model" else env.get("STORAGE_URI")
    runtime = RUNTIMES.get(container.get("runtime") or DEFAULT)
    args = (*(runtime.args if runtime else ()), *(container.get("args") or []))
    template = Template(
        digest=template_digest(value),
        storage_uri=uri,
        command=tuple(str(word) for word in container.get("command") or []),
        args=tuple(str(word) for word in args),
        env=env,
    )
    metadata = value["metadata"]
    return InferenceService(
        name=metadata["name"],
        namespace=metadata.get("namespace") or "default",
        file=file,
        document=document,
        template=template,
        canary_percent=value_at(value, (*PREDICTOR, "canaryTrafficPercent")),
        main=main,
    )


def template_digest(value: dict[str, Any]) -> str:
    """sha256 over all that makes a new revision in KServe: every label, every annotation but
    kubectl's own, and all of spec.predictor but the canary's weight.
    """
    metadata = value["metadata"]
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(_LAST_APPLIED, None)
    predictor = dict(value_at(value, PREDICTOR) or {})
    predictor.pop("canaryTrafficPercent", None)
    content = {
        "labels": metadata.get("labels") or {},
        "annotations": annotations,
        "predictor": _quantities_as_text(predictor),
    }
    packed = orjson.dumps(
        content, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    )
    return hashlib.sha256(packed).hexdigest()


def _quantities_as_text(value: Any) -> Any:
    """``cpu: 1`` and ``cpu: "1"`` are one quantity to Kubernetes, so to the digest."""
    if isinstance(value, list):
        return [_quantities_as_text(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        if key in {"limits", "requests"} and isinstance(item, dict):
            out[key] = {name: str(amount) for name, amount in item.items()}
        else:
            out[key] = _quantities_as_text(item)
    return out
