"""Manifest files to InferenceServices, Rollouts and Experiments, as ``kubectl apply -f`` takes them.

A folder gives its own .yaml, .yml and .json files in order of name, not those of folders
below. Other kinds are named and skipped.
"""

from dataclasses import dataclass, field
from pathlib import Path

from trellis.local import custom_resources, structure
from trellis.local.checker import kind_of
from trellis.local.custom_resources import BY_KIND, Experiment, Rollout
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import InferenceService
from trellis.local.yaml_lines import FieldPath, NotYaml, YamlDocument, documents, dotted
from trellis.rollout.resources import ROLLOUTS

_SUFFIXES = {".yaml", ".yml", ".json"}
#: What ``kubectl apply -k`` reads; no resource itself.
_KUSTOMIZATION = {"kustomization.yaml", "kustomization.yml", "Kustomization"}

#: What `kubectl get -o yaml` and the API server call several resources in one.
_LISTS = ("List", "InferenceServiceList", *(f"{kind}List" for kind in BY_KIND))


@dataclass
class Reading:
    """All that was read: services in order, what governs them, what was skipped, what is wrong."""

    services: list[InferenceService] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any finding is an error."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def manifest_files(paths: list[Path]) -> list[Path]:
    """The files that ``paths`` (files and folders) stand for, each once.

    Raises ``FileNotFoundError``, naming the path, where one does not exist or a folder holds
    no manifest.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found = [
                file
                for file in sorted(path.iterdir())
                if file.suffix in _SUFFIXES and file.name not in _KUSTOMIZATION and file.is_file()
            ]
            if not found:
                raise FileNotFoundError(f"{path}: the folder holds no .yaml, .yml or .json file")
            files.update(dict.fromkeys(found))
        elif path.is_file():
            files[path] = None
        else:
            raise FileNotFoundError(f"{path}: no such file or folder")
    return list(files)


def read_paths(paths: list[Path]) -> Reading:
    """Every InferenceService of ``paths``; raises ``FileNotFoundError`` as ``manifest_files``."""
    reading = Reading()
    for file in manifest_files(paths):
        _read_file(file, reading)
    _refuse_repeated_names(reading)
    return reading


def _read_file(file: Path, reading: Reading) -> None:
    try:
        for document in documents(file.read_text(encoding="utf-8")):
            _read_document(document, file, reading)
    except NotYaml as error:
        field, line = dotted(error.path), error.line
        found = Finding(Severity.ERROR, file, line, field, str(error), error.remedy)
        reading.findings.append(found)
    except (OSError, UnicodeDecodeError) as error:
        reading.findings.append(Finding(Severity.ERROR, file, 1, "", f"cannot be read: {error}"))


def _read_document(document: YamlDocument, file: Path, reading: Reading) -> None:
    value = document.value
    if not isinstance(value, dict):
        problem = f"is {kind_of(value)}; expected a Kubernetes resource, a mapping"
        reading.findings.append(Finding(Severity.ERROR, file, document.first_line, "", problem))
        return
    kind = value.get("kind")
    if kind in _LISTS:
        _read_items(document, file, reading)
        return
    if kind == "InferenceService":
        service, findings = structure.read(document, file)
        reading.findings.extend(findings)
        if service is not None:
            reading.services.append(service)
        return
    if custom_resources.ours(value):
        _read_custom(document, file, reading)
        return
    if isinstance(kind, str) and kind:
        metadata = value.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        problem = f"{kind} {name}".strip() + " is skipped: only InferenceServices run here"
        severity = Severity.NOTE
    else:
        problem = "is missing; expected for example InferenceService"
        severity = Severity.ERROR
    path: FieldPath = ("kind",)
    found = Finding(severity, file, document.line(path), dotted(path), problem)
    reading.findings.append(found)


def _read_custom(document: YamlDocument, file: Path, reading: Reading) -> None:
    kind = BY_KIND[document.value["kind"]]
    resource, findings = custom_resources.read(document, file, kind)
    reading.findings.extend(findings)
    if resource is None:
        return
    if kind is ROLLOUTS:
        reading.rollouts.append(resource)
    else:
        reading.experiments.append(resource)


def _read_items(document: YamlDocument, file: Path, reading: Reading) -> None:
    """Each item of a list, as ``kubectl get -o yaml`` writes it, as if it stood alone."""
    path: FieldPath = ("items",)
    items = document.value.get("items")
    if not isinstance(items, list):
        problem = f"is {kind_of(items)}; expected a list of resources"
        line = document.line(path)
        reading.findings.append(Finding(Severity.ERROR, file, line, dotted(path), problem))
        return
    for index, item in enumerate(items):
        _read_document(document.below((*path, index), item), file, reading)


def _refuse_repeated_names(reading: Reading) -> None:
    first: dict[str, InferenceService] = {}
    for service in reading.services:
        if service.name not in first:
            first[service.name] = service
            continue
        other = first[service.name]
        path: FieldPath = ("metadata", "name")
        problem = f"{service.name!r} is already at {other.file}:{other.line(path)}"
        remedy = "rename or remove one; one gateway serves one namespace"
        found = Finding(
            Severity.ERROR, service.file, service.line(path), dotted(path), problem, remedy
        )
        reading.findings.append(found)
    reading.services = list(first.values())
