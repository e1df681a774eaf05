"""What a well-formed InferenceService asks for that is wrong, or that this machine cannot give."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from trellis.contracts.model_yaml import ModelYaml
from trellis.local.command import is_ours, model_folder
from trellis.local.findings import Finding, Severity
from trellis.local.honoured import not_honoured, note
from trellis.local.inference_service import PREDICTOR, InferenceService
from trellis.local.nodes import Node
from trellis.local.placement import placement
from trellis.local.resources import resources
from trellis.local.runtimes import DEFAULT, RUNTIMES
from trellis.local.scaling import MODE, has_no_knative, scaling
from trellis.local.storage import BadUri, OnlyInCluster, version_folder_problem, versions_in
from trellis.local.yaml_lines import FieldPath


def check(service: InferenceService, models: Path, nodes: Sequence[Node] = ()) -> list[Finding]:
    """All findings of one service; ``models`` is the folder that ``pvc://models`` stands for,
    ``nodes`` are those of the cluster that it is meant for, where they are known.
    """
    return [
        *_canary(service),
        *scaling(service),
        *resources(service),
        *placement(service, nodes),
        *_other_components(service),
        *_storage(service, models),
        *_runtime(service),
        *not_honoured(service),
    ]


def _canary(service: InferenceService) -> Iterator[Finding]:
    if service.canary_percent is not None and has_no_knative(service):
        mode = service.at(("metadata", "annotations", MODE))
        yield service.finding(
            Severity.ERROR,
            (*PREDICTOR, "canaryTrafficPercent"),
            f"is {service.canary_percent} and the annotation {MODE} is {mode}: in that mode KServe"
            " ignores the canary without a word and all traffic goes to the new version",
            f"drop the annotation {MODE}, or the canary",
        )
    if service.at(("spec", "canary")) is not None:
        yield service.finding(
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
            yield service.finding(Severity.CLUSTER_ONLY, path, problem, remedy)


def _storage(service: InferenceService, models: Path) -> Iterator[Finding]:
    path = _storage_path(service)
    uri = service.template.storage_uri
    if uri is None and service.main[-1] == "model":
        problem = "names a storage secret, which is not read here"
        remedy = "use storageUri: pvc://models/..."
        yield service.finding(Severity.CLUSTER_ONLY, (*service.main, "storage"), problem, remedy)
        return
    if uri is None and not is_ours(service.template.command):  # `_runtime` has more to say
        return
    try:
        folder = model_folder(service.template, models)
    except BadUri as error:
        remedy = "write for example pvc://models/tomato/v2"
        yield service.finding(Severity.ERROR, path, str(error), remedy)
        return
    except OnlyInCluster as error:
        remedy = "copy the version to the models folder and use pvc://models/..."
        yield service.finding(Severity.CLUSTER_ONLY, path, str(error), remedy)
        return
    if folder is None:
        problem = "names no folder to serve"
        remedy = "add to env: name: STORAGE_URI, value: pvc://models/..."
        # A volume may bring one, in a cluster.
        mounted = service.at((*service.main, "volumeMounts"))
        severity = Severity.CLUSTER_ONLY if mounted else Severity.ERROR
        yield service.finding(severity, service.main, problem, remedy)
        return
    yield from _folder(service, path, folder)


def _folder(service: InferenceService, path: FieldPath, folder: Path) -> Iterator[Finding]:
    uri = service.template.storage_uri
    if missing := version_folder_problem(folder):
        remedy = (
            f"{uri!r} is {folder} here; --models says where the claim's folder is"
            if uri
            else "add to env: name: STORAGE_URI, value: pvc://models/..."
        )
        yield service.finding(Severity.ERROR, path, missing, remedy)
        return
    if versions := versions_in(folder):
        problem = f"{folder} is a model's folder with {', '.join(versions)}; a revision is one"
        remedy = f"name a version: {(uri or str(folder)).rstrip('/')}/{versions[-1]}"
        yield service.finding(Severity.ERROR, path, problem, remedy)
        return
    described = _model_yaml(folder)
    if isinstance(described, str):
        yield service.finding(Severity.ERROR, path, described, "publish the version anew")
    elif described.name != service.name:
        problem = f"is a version of the model {described.name!r}, served as {service.name!r}"
        yield note(service, path, problem)


def _model_yaml(folder: Path) -> ModelYaml | str:
    """The folder's model.yaml, or why it is none; hashes are left to the predictor, which loads
    the version.
    """
    file = folder / "model.yaml"
    try:
        return ModelYaml.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{file} cannot be used: {where}: {first['msg']}"
    # What YAML's constructors raise is as wide as what can be written.
    except (OSError, ValueError, LookupError, TypeError, RecursionError, yaml.YAMLError) as error:
        return f"{file} cannot be read: {error}"


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
        yield service.finding(Severity.CLUSTER_ONLY, path, problem, remedy)
    if service.main[-1] != "model":
        if not command:
            image = service.at((*service.main, "image"))
            problem = f"what the image {image!r} starts is not known here"
            yield service.finding(Severity.CLUSTER_ONLY, service.main, problem, remedy)
        return
    runtime = service.at((*service.main, "runtime"))
    model_format = service.at((*service.main, "modelFormat", "name"))
    if runtime not in RUNTIMES and (runtime or model_format != DEFAULT):
        path = (*service.main, "runtime" if runtime else "modelFormat")
        ours = ", ".join(RUNTIMES)
        problem = f"is {runtime or model_format!r}; only our own runtimes run here: {ours}"
        yield service.finding(Severity.CLUSTER_ONLY, path, problem)
