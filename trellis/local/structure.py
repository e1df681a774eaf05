"""The structure of an InferenceService document: fields known, of their type, and complete."""

import re
from pathlib import Path
from typing import Any

from trellis.local import fields
from trellis.local.checker import Checker, kind_of
from trellis.local.findings import Finding
from trellis.local.inference_service import (
    API_VERSION,
    PREDICTOR,
    InferenceService,
    build,
)
from trellis.local.yaml_lines import FieldPath, YamlDocument

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
#: Revision names end in -00001 and are DNS labels of at most 63 characters.
_LONGEST_NAME = 57


def read(document: YamlDocument, file: Path) -> tuple[InferenceService | None, list[Finding]]:
    """The InferenceService of a document, or None with at least one error among the findings."""
    check = Checker(document, file)
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
            check.types(PREDICTOR, fields.PREDICTOR_TYPES)
            check.resources((*PREDICTOR, "resources"))
            main = _main(check, predictor)
    if check.findings or main is None:
        return None, check.findings
    return build(document, file, main), []


def _metadata(check: Checker) -> None:
    metadata = check.mapping(("metadata",), fields.METADATA)
    if metadata is None:
        return
    check.types(("metadata",), fields.METADATA_TYPES)
    name = metadata.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        check.error(
            ("metadata", "name"),
            f"is {kind_of(name)}; expected lower-case letters, digits and dashes, starting with a"
            f" letter, at most {_LONGEST_NAME} characters",
        )
    check.texts(("metadata", "labels"))
    check.texts(("metadata", "annotations"))


def _canary(check: Checker, predictor: dict[str, Any]) -> None:
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


def _main(check: Checker, predictor: dict[str, Any]) -> FieldPath | None:
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


def _model(check: Checker) -> FieldPath | None:
    path = (*PREDICTOR, "model")
    model = check.mapping(path, fields.MODEL)
    if model is None:
        return None
    model_format = check.mapping((*path, "modelFormat"), frozenset({"name", "version"}))
    if model_format is not None:
        if not isinstance(model_format.get("name"), str):
            came = kind_of(model_format.get("name"))
            check.error((*path, "modelFormat", "name"), f"is {came}; expected a string")
        check.types((*path, "modelFormat"), {str: frozenset({"version"})})
    uri = model.get("storageUri")
    if uri is None and model.get("storage") is None:
        remedy = "add for example storageUri: pvc://models/tomato/v2"
        check.error(
            (*path, "storageUri"), "is missing: nothing says which version to serve", remedy
        )
    return _runnable(check, path)


def _container(check: Checker, containers: Any) -> FieldPath | None:
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


def _runnable(check: Checker, path: FieldPath) -> FieldPath:
    check.types(path, fields.CONTAINER_TYPES)
    check.resources((*path, "resources"))
    check.strings((*path, "command"))
    check.strings((*path, "args"))
    check.env((*path, "env"))
    return path
