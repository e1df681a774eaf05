"""What is kept of each object that is watched: enough to decide by, and no more.

A thousand services have some six thousand objects; whole, they would fill hundreds of megabytes.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis.rollout.cluster.failing import failing, restarts
from trellis.rollout.cluster.identity import (
    MAIN,
    Artefact,
    artefact,
    model_name,
    speaks_grpc,
    storage_variable,
)
from trellis.rollout.cluster.owners import Owner, weight_owner

Key = tuple[str, str]  # namespace, name
Raw = Mapping[str, Any]

#: Label of an InferenceService that is an arm beside another: the model whose version it serves.
ARM_OF = "trellis.dev/arm-of"
_MODE = "serving.kserve.io/deploymentMode"
#: A condition of an InferenceService: the ingress has what its traffic says.
_ROUTED = "PredictorRouteReady"
_KSERVE = "serving.kserve.io/inferenceservice"
_KNATIVE_SERVICE = "serving.knative.dev/service"
_KNATIVE_REVISION = "serving.knative.dev/revision"
#: Frameworks by their own field, as KServe had them before `model`.
_NOT_FRAMEWORKS = frozenset(("model", "containers", "workerSpec"))


@dataclass(frozen=True, slots=True)
class Service:
    """An InferenceService. ``source`` and ``image`` are what it names itself, else empty; ``arm_of`` is
    the model that its label makes it an arm of, else empty.
    """

    key: Key
    token: str
    arm_of: str
    source: str
    image: str
    weight: int | None
    owner: Owner
    mode: str
    canaries: bool  # spec.canary
    created: str | None
    ready: str | None
    rolled_out: str | None
    traffic: Mapping[str, int]
    tags: Mapping[str, str]
    routed: bool
    failure: tuple[str, str]  # the revision that KServe last saw fail, and why


@dataclass(frozen=True, slots=True)
class KnativeService:
    """``service`` is the InferenceService that it was made for, by its owner reference; ``model`` the
    name that its container answers to.
    """

    key: Key
    service: str
    model: str
    artefact: Artefact


@dataclass(frozen=True, slots=True)
class Revision:
    """``service`` is the Knative Service; ``model`` the name that its container is told, else empty;
    ``grpc``: its one port speaks gRPC and no REST.
    """

    key: Key
    service: str
    model: str
    grpc: bool
    artefact: Artefact
    created: float
    ready: bool
    failure: str


@dataclass(frozen=True, slots=True)
class PodFact:
    """A pod of a revision."""

    key: Key
    service: str  # the InferenceService
    revision: str
    address: str | None
    running: bool
    ready: bool
    terminating: bool
    restarts: int
    failing: str


def key_of(raw: Raw) -> Key:
    """Namespace and name."""
    metadata = raw["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def service(raw: Raw) -> Service:
    """Of an InferenceService."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    predictor = (raw.get("spec") or {}).get("predictor") or {}
    source, image = _named(predictor)
    component = (status.get("components") or {}).get("predictor") or {}
    traffic: dict[str, int] = {}
    tags: dict[str, str] = {}
    for target in component.get("traffic") or []:
        name = target.get("revisionName")
        if name:
            traffic[name] = traffic.get(name, 0) + int(target.get("percent") or 0)
        if name and target.get("tag"):
            tags[target["tag"]] = name
    conditions = {c.get("type"): c.get("status") for c in status.get("conditions") or []}
    mode = (metadata.get("annotations") or {}).get(_MODE) or status.get("deploymentMode") or ""
    last = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    return Service(
        key=key_of(raw),
        token=metadata["resourceVersion"],
        arm_of=(metadata.get("labels") or {}).get(ARM_OF) or "",
        source=source,
        image=image,
        weight=predictor.get("canaryTrafficPercent"),
        owner=weight_owner(metadata.get("managedFields") or ()),
        mode=mode,
        canaries=bool((raw.get("spec") or {}).get("canary")),
        created=component.get("latestCreatedRevision"),
        ready=component.get("latestReadyRevision"),
        rolled_out=component.get("latestRolledoutRevision"),
        traffic=traffic,
        tags=tags,
        routed=conditions.get(_ROUTED) == "True",
        failure=(str(last.get("modelRevisionName") or ""), _words(last.get("message"))),
    )


def _named(predictor: Raw) -> tuple[str, str]:
    """The source and the image that the InferenceService gives, each empty where it gives none."""
    for field, value in predictor.items():
        framework = field == "model" or (
            field not in _NOT_FRAMEWORKS and isinstance(value, Mapping) and "storageUri" in value
        )
        if framework and isinstance(value, Mapping):
            return str(value.get("storageUri") or ""), str(value.get("image") or "")
    containers = predictor.get("containers") or []
    main = next(
        (c for c in containers if c.get("name") == MAIN), containers[0] if containers else {}
    )
    return storage_variable(main), str(main.get("image") or "")


def knative_service(raw: Raw) -> KnativeService | None:
    """Of a Knative Service; None where KServe did not make it."""
    owners = raw["metadata"].get("ownerReferences") or []
    name = next((o["name"] for o in owners if o.get("kind") == "InferenceService"), None)
    template = (raw.get("spec") or {}).get("template") or {}
    key = key_of(raw)
    if name is None or not key[1].startswith(f"{name}-predictor"):
        return None
    return KnativeService(key, name, model_name(template) or name, artefact(template))


def revision(raw: Raw) -> Revision | None:
    """Of a Knative Revision; None where it belongs to no Knative Service."""
    metadata = raw["metadata"]
    owner = (metadata.get("labels") or {}).get(_KNATIVE_SERVICE)
    if owner is None:
        return None
    conditions = {c.get("type"): c for c in (raw.get("status") or {}).get("conditions") or []}
    ready = conditions.get("Ready") or {}
    failure = ""
    if ready.get("status") == "False":
        told = (str(ready.get("reason") or ""), _words(ready.get("message")))
        failure = ": ".join(filter(None, told))
    return Revision(
        key=key_of(raw),
        service=owner,
        model=model_name(raw),
        grpc=speaks_grpc(raw),
        artefact=artefact(raw),
        created=_seconds(metadata.get("creationTimestamp")),
        ready=ready.get("status") == "True",
        failure=failure,
    )


def pod(raw: Raw) -> PodFact | None:
    """Of a pod; None where it is of no revision of an InferenceService."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    labels = metadata.get("labels") or {}
    if _KNATIVE_REVISION not in labels or _KSERVE not in labels:
        return None
    ready = any(
        c.get("type") == "Ready" and c.get("status") == "True"
        for c in status.get("conditions") or []
    )
    return PodFact(
        key=key_of(raw),
        service=labels[_KSERVE],
        revision=labels[_KNATIVE_REVISION],
        address=status.get("podIP"),
        running=status.get("phase") == "Running",
        ready=ready,
        terminating="deletionTimestamp" in metadata,
        restarts=restarts(raw),
        failing=failing(raw),
    )


def _words(text: Any) -> str:
    return " ".join(str(text or "").split())[:300]


def _seconds(timestamp: Any) -> float:
    return dt.datetime.fromisoformat(str(timestamp)).timestamp() if timestamp else 0.0
