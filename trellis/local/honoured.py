"""What a fit InferenceService asks for and does not get on one machine: a note for each field
that is accepted and that nothing reads.
"""

from collections.abc import Iterator, Mapping

from trellis.local import fields
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import PREDICTOR, InferenceService
from trellis.local.scaling import MODE
from trellis.local.yaml_lines import FieldPath

_PLATFORM = ("serving.kserve.io/", "autoscaling.knative.dev/", "serving.knative.dev/")

_ONE_MACHINE = "there is one machine"
_NO_SCALE = "nothing scales here"
_NO_POD = "a process runs here, not a pod"
_NO_SECRETS = "ConfigMaps and Secrets are not read here"
_NO_VOLUMES = "nothing is mounted here"

#: Read here, or refused where it is wrong.
_READ_OF_METADATA = frozenset({"name", "labels", "annotations"})
#: Written by the API server; whoever applies them again means nothing by them.
_SERVERS_OWN = frozenset(
    [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    ]
)
_READ_OF_SPEC = frozenset({"predictor", "transformer", "explainer", "canary"})
_READ_OF_PREDICTOR = frozenset({"model", "containers", "canaryTrafficPercent", "minReplicas"})
#: Where they are false, a pod is kept from something that a process here never has.
_LESS_IF_FALSE = ("automountServiceAccountToken", "enableServiceLinks")
_READ_OF_MAIN = frozenset(
    [
        "name",
        "command",
        "args",
        "env",
        "resources",
        "runtime",
        "modelFormat",
        "storageUri",
        "storage",
    ]
)

_WHY_METADATA = {"namespace": "one gateway serves one namespace here"}
_WHY_PREDICTOR = {
    "maxReplicas": "one process a revision runs here",
    "scaleTarget": _NO_SCALE,
    "scaleMetric": _NO_SCALE,
    "scaleMetricType": _NO_SCALE,
    "autoScaling": _NO_SCALE,
    "workerSpec": "one process a revision runs here",
    "containerConcurrency": "the predictor's own limits hold here (--max_inflight_requests)",
    "timeout": "the predictor's own deadline holds here (--request_timeout)",
    "terminationGracePeriodSeconds": "the predictor's own time to drain holds here (--grace_period)",
    "batcher": "the predictor batches by itself",
    "logger": "payloads are not sent anywhere here",
    "nodeSelector": _ONE_MACHINE,
    "nodeName": _ONE_MACHINE,
    "tolerations": _ONE_MACHINE,
    "affinity": _ONE_MACHINE,
    "topologySpreadConstraints": _ONE_MACHINE,
    "schedulerName": _ONE_MACHINE,
    "priorityClassName": _ONE_MACHINE,
    "initContainers": "they do not run here",
    "volumes": _NO_VOLUMES,
    "serviceAccountName": "there are no service accounts here",
    "imagePullSecrets": "no image is pulled here",
    "securityContext": "a process runs as you here",
    "runtimeClassName": "a process runs here, not a container",
}
_WHY_MAIN = {
    "envFrom": _NO_SECRETS,
    "volumeMounts": _NO_VOLUMES,
    "image": "the installed Trellis runs in its place",
    "livenessProbe": "a process is restarted when it dies",
    "readinessProbe": "/health is asked",
    "startupProbe": "/health is asked",
    "securityContext": "a process runs as you here",
    "workingDir": "a process runs where `trellis up` does",
    "protocolVersion": "V1 and V2 are answered, whichever is named",
    "ports": "the ports are found at the start",
}


def not_honoured(service: InferenceService) -> Iterator[Finding]:
    """The notes of one service."""
    silent = _READ_OF_METADATA | _SERVERS_OWN
    yield from _unread(service, ("metadata",), fields.METADATA - silent, _WHY_METADATA)
    yield from _annotations(service)
    yield from _unread(service, ("spec",), fields.SPEC - _READ_OF_SPEC, {})
    refused = {name for name in _LESS_IF_FALSE if service.at((*PREDICTOR, name)) is False}
    unread = fields.PREDICTOR - fields.LEGACY_FRAMEWORKS - _READ_OF_PREDICTOR - refused
    yield from _unread(service, PREDICTOR, unread, _WHY_PREDICTOR)
    replicas = service.at((*PREDICTOR, "minReplicas"))
    if isinstance(replicas, int) and replicas > 1:
        problem = f"{replicas} asked for; one process a revision runs here"
        yield note(service, (*PREDICTOR, "minReplicas"), problem)
    known = fields.MODEL if service.main[-1] == "model" else fields.CONTAINER
    yield from _unread(service, service.main, known - _READ_OF_MAIN, _WHY_MAIN)
    model_format = (*service.main, "modelFormat")
    yield from _unread(service, model_format, frozenset({"version"}), {})
    for index, entry in enumerate(service.at((*service.main, "env")) or []):
        if entry.get("valueFrom") is not None:
            problem = f"{entry.get('name')}: is not honoured: {_NO_SECRETS}"
            yield note(service, (*service.main, "env", index, "valueFrom"), problem)
    yield from _resources(service)
    yield from _sidecars(service)


def note(service: InferenceService, path: FieldPath, problem: str) -> Finding:
    """A note on the field at ``path``."""
    return service.finding(Severity.NOTE, path, problem)


def _unread(
    service: InferenceService, path: FieldPath, names: frozenset[str], why: Mapping[str, str]
) -> Iterator[Finding]:
    for name in sorted(names):
        if service.at((*path, name)) is not None:
            problem = f"is not honoured: {why.get(name, _NO_POD)}"
            yield note(service, (*path, name), problem)


def _annotations(service: InferenceService) -> Iterator[Finding]:
    path: FieldPath = ("metadata", "annotations")
    for name in service.at(path) or {}:
        if name.startswith(_PLATFORM) and name != MODE:
            yield note(service, (*path, name), f"is not honoured: {_NO_SCALE}, nor is KServe asked")


def _resources(service: InferenceService) -> Iterator[Finding]:
    root: FieldPath = (*service.main, "resources")
    bounded = []
    for which, what in (("requests", "reserved"), ("limits", "enforced")):
        for resource, amount in (service.at((*root, which)) or {}).items():
            path = (*root, which, resource)
            if "gpu" in resource.lower():
                yield note(service, path, f"{amount} asked for; no GPU is reserved here")
            elif resource not in {"cpu", "memory"}:
                yield note(service, path, f"{amount} asked for; none is {what} here")
            elif which not in bounded:
                bounded.append(which)
    words = {"requests": "not reserved", "limits": "not enforced"}
    if bounded:
        path, how = (*root, bounded[0]), words[bounded[0]]
        if len(bounded) > 1:
            path, how = root, "neither reserved nor enforced"
        problem = f"cpu and memory are {how}: a process takes what it needs here"
        yield note(service, path, problem)
    if service.at((*root, "claims")) is not None:
        yield note(service, (*root, "claims"), f"is not honoured: {_NO_POD}")


def _sidecars(service: InferenceService) -> Iterator[Finding]:
    for index, container in enumerate(service.at((*PREDICTOR, "containers")) or []):
        path = (*PREDICTOR, "containers", index)
        if path != service.main:
            name = container.get("name") if isinstance(container, dict) else None
            problem = f"the container {name!r} beside kserve-container does not run here"
            yield note(service, path, problem)
