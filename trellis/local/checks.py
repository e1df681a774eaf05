"""What a well-formed InferenceService asks for that is wrong, or that this machine cannot give."""

from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from trellis.contracts.model_yaml import ModelYaml
from trellis.local.command import is_ours
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import PREDICTOR, InferenceService
from trellis.local.storage import BadUri, OnlyInCluster, resolve, version_folder_problem
from trellis.local.yaml_lines import FieldPath, dotted

MODE = "serving.kserve.io/deploymentMode"
#: "RawDeployment" is the older name of "Standard".
_NO_KNATIVE = {"Standard", "RawDeployment"}
#: The serving runtime of manifests that our own server runs.
RUNTIME = "trellis"

#: Fields of spec.predictor that a cluster honours and one machine does not.
_PREDICTOR_NOTES = {
    "maxReplicas": "one process a revision runs here",
    "scaleTarget": "nothing scales here",
    "scaleMetric": "nothing scales here",
    "autoScaling": "nothing scales here",
    "containerConcurrency": "the predictor's own limits hold here (--max_inflight_requests)",
    "timeout": "the predictor's own deadline holds here (--request_timeout)",
    "batcher": "the predictor batches by itself",
    "logger": "payloads are not sent anywhere here",
    "nodeSelector": "there is one machine",
    "tolerations": "there is one machine",
    "affinity": "there is one machine",
    "initContainers": "they do not run here",
    "volumes": "nothing is mounted here",
    "serviceAccountName": "there are no service accounts here",
}
_CONTAINER_NOTES = {
    "envFrom": "ConfigMaps and Secrets are not read here",
    "volumeMounts": "nothing is mounted here",
    "image": "the installed Trellis runs in its place",
    "livenessProbe": "a process is restarted when it dies",
    "readinessProbe": "/health is asked",
}


def check(service: InferenceService, models: Path) -> list[Finding]:
    """All findings of one service; ``models`` is the folder that ``pvc://models`` stands for."""
    return [
        *_canary(service),
        *_other_components(service),
        *_storage(service, models),
        *_runtime(service),
        *_not_honoured(service),
    ]


def _finding(
    service: InferenceService, severity: Severity, path: FieldPath, problem: str, remedy: str = ""
) -> Finding:
    return Finding(severity, service.file, service.line(path), dotted(path), problem, remedy)


def _canary(service: InferenceService) -> Iterator[Finding]:
    mode = service.at(("metadata", "annotations", MODE))
    if service.canary_percent is not None and mode in _NO_KNATIVE:
        yield _finding(
            service,
            Severity.ERROR,
            (*PREDICTOR, "canaryTrafficPercent"),
            f"is {service.canary_percent} and the annotation {MODE} is {mode}: in that mode KServe"
            " ignores the canary without a word and all traffic goes to the new version",
            f"drop the annotation {MODE}, or the canary",
        )
    if service.at(("spec", "canary")) is not None:
        yield _finding(
            service,
            Severity.CLUSTER_ONLY,
            ("spec", "canary"),
            "is the canary of KServe's Standard mode, which does not run here",
            "use spec.predictor.canaryTrafficPercent",
        )


def _other_components(service: InferenceService) -> Iterator[Finding]:
    for component in ("transformer", "explainer"):
        if service.at(("spec", component)) is not None:
            path = ("spec", component)
            problem = "does not run here, and answers would differ without it"
            remedy = "do its work in the predictor class: decode and encode"
            yield _finding(service, Severity.CLUSTER_ONLY, path, problem, remedy)


def _storage(service: InferenceService, models: Path) -> Iterator[Finding]:
    path = _storage_path(service)
    uri = service.template.storage_uri
    if uri is None:
        if service.main[-1] == "model":
            problem = "names a storage secret, which is not read here"
            remedy = "use storageUri: pvc://models/..."
            yield _finding(
                service, Severity.CLUSTER_ONLY, (*service.main, "storage"), problem, remedy
            )
        return
    try:
        folder = resolve(uri, models)
    except BadUri as error:
        yield _finding(service, Severity.ERROR, path, str(error))
        return
    except OnlyInCluster as error:
        remedy = "copy the version to the models folder and use pvc://models/..."
        yield _finding(service, Severity.CLUSTER_ONLY, path, str(error), remedy)
        return
    missing = version_folder_problem(folder)
    if missing:
        remedy = f"{uri!r} is {folder} here; --models says where the claim's folder is"
        yield _finding(service, Severity.ERROR, path, missing, remedy)
    elif unreadable := _unreadable(folder):
        yield _finding(service, Severity.ERROR, path, unreadable, "publish the version anew")


def _unreadable(folder: Path) -> str | None:
    """Why the folder's model.yaml is none; hashes are left to the predictor, which loads it."""
    file = folder / "model.yaml"
    if not file.is_file():  # a model's folder, with versions below
        return None
    try:
        ModelYaml.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{file} cannot be used: {where}: {first['msg']}"
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return f"{file} cannot be read: {error}"
    return None


def _storage_path(service: InferenceService) -> FieldPath:
    if service.main[-1] == "model":
        return (*service.main, "storageUri")
    for index, entry in enumerate(service.at((*service.main, "env")) or []):
        if entry.get("name") == "STORAGE_URI":
            return (*service.main, "env", index, "value")
    return (*service.main, "env")


def _runtime(service: InferenceService) -> Iterator[Finding]:
    command = service.template.command
    remedy = "give command: [python, -m, trellis.serving] where the image has it"
    if command and not is_ours(command):
        problem = f"is {list(command)}; only our own server runs here"
        path = (*service.main, "command")
        yield _finding(service, Severity.CLUSTER_ONLY, path, problem, remedy)
    if service.main[-1] != "model":
        if not command:
            image = service.at((*service.main, "image"))
            problem = f"what the image {image!r} starts is not known here"
            yield _finding(service, Severity.CLUSTER_ONLY, service.main, problem, remedy)
        return
    runtime = service.at((*service.main, "runtime"))
    model_format = service.at((*service.main, "modelFormat", "name"))
    if RUNTIME not in {runtime, model_format} or (runtime or RUNTIME) != RUNTIME:
        path = (*service.main, "runtime" if runtime else "modelFormat")
        problem = f"is {runtime or model_format!r}; only the runtime {RUNTIME!r} runs here"
        yield _finding(service, Severity.CLUSTER_ONLY, path, problem)


def _not_honoured(service: InferenceService) -> Iterator[Finding]:
    for field, why in _PREDICTOR_NOTES.items():
        if service.at((*PREDICTOR, field)) is not None:
            path = (*PREDICTOR, field)
            yield _finding(service, Severity.NOTE, path, f"is not honoured: {why}")
    replicas = service.at((*PREDICTOR, "minReplicas"))
    if replicas not in {None, 0, 1}:
        path = (*PREDICTOR, "minReplicas")
        problem = f"{replicas} asked for; one process a revision runs here"
        yield _finding(service, Severity.NOTE, path, problem)
    for field, why in _CONTAINER_NOTES.items():
        if service.at((*service.main, field)) is not None:
            path = (*service.main, field)
            yield _finding(service, Severity.NOTE, path, f"is not honoured: {why}")
    for index, entry in enumerate(service.at((*service.main, "env")) or []):
        if "valueFrom" in entry:
            path = (*service.main, "env", index, "valueFrom")
            problem = "is not honoured: ConfigMaps and Secrets are not read here"
            yield _finding(service, Severity.NOTE, path, f"{entry.get('name')}: {problem}")
    yield from _resources(service)
    yield from _sidecars(service)


def _resources(service: InferenceService) -> Iterator[Finding]:
    path = (*service.main, "resources", "limits")
    limits = service.at(path)
    if not isinstance(limits, dict):
        return
    for resource, amount in limits.items():
        if "gpu" in str(resource).lower():
            problem = f"{amount} asked for; no GPU is reserved here"
            yield _finding(service, Severity.NOTE, (*path, str(resource)), problem)
    if any(resource in limits for resource in ("cpu", "memory")):
        problem = "cpu and memory are not enforced: a process takes what it needs here"
        yield _finding(service, Severity.NOTE, path, problem)


def _sidecars(service: InferenceService) -> Iterator[Finding]:
    for index, container in enumerate(service.at((*PREDICTOR, "containers")) or []):
        path = (*PREDICTOR, "containers", index)
        if path != service.main:
            name = container.get("name") if isinstance(container, dict) else None
            problem = f"the container {name!r} beside kserve-container does not run here"
            yield _finding(service, Severity.NOTE, path, problem)
