from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.local.conftest import CONTAINER_FORM, MODEL_FORM
from trellis.local import fields
from trellis.local.checks import check
from trellis.local.findings import Severity
from trellis.local.inference_service import InferenceService

Read = Callable[[str], InferenceService]
ERROR, CLUSTER, NOTE = Severity.ERROR, Severity.CLUSTER_ONLY, Severity.NOTE


def standard(mode: str) -> str:
    text = MODEL_FORM.replace("  predictor:\n", "  predictor:\n    canaryTrafficPercent: 20\n")
    annotation = f"  annotations: {{serving.kserve.io/deploymentMode: {mode}}}\n"
    return text.replace("  name: tomato\n", "  name: tomato\n" + annotation)


def predictor(extra: str) -> str:
    return MODEL_FORM.replace("  predictor:\n", f"  predictor:\n    {extra}\n")


TABLE: dict[str, tuple[str, Severity, str, str]] = {
    "canary in Standard mode": (
        standard("Standard"), ERROR, "spec.predictor.canaryTrafficPercent", "ignores the canary",
    ),
    "canary in RawDeployment mode": (
        standard("RawDeployment"), ERROR, "spec.predictor.canaryTrafficPercent", "ignores",
    ),
    "spec.canary": (
        MODEL_FORM.replace("spec:\n", "spec:\n  canary: [{trafficPercent: 10}]\n"),
        CLUSTER, "spec.canary", "use spec.predictor.canaryTrafficPercent",
    ),
    "transformer": (
        MODEL_FORM.replace("spec:\n", "spec:\n  transformer: {containers: []}\n"),
        CLUSTER, "spec.transformer", "answers would differ",
    ),
    "missing version": (
        MODEL_FORM.replace("tomato/v1", "tomato/v9"), ERROR, "spec.predictor.model.storageUri",
        "does not exist",
    ),
    "no scheme": (
        MODEL_FORM.replace("pvc://", ""), ERROR, "spec.predictor.model.storageUri", "no scheme",
    ),
    "s3": (
        MODEL_FORM.replace("pvc://", "s3://"), CLUSTER, "spec.predictor.model.storageUri",
        "s3:// is fetched in a cluster",
    ),
    "storage secret": (
        MODEL_FORM.replace("storageUri: pvc://models/tomato/v1", "storage: {key: k}"),
        CLUSTER, "spec.predictor.model.storage", "not read here",
    ),
    "another format": (
        MODEL_FORM.replace("name: trellis", "name: sklearn"), CLUSTER,
        "spec.predictor.model.modelFormat", "'sklearn'; only our own runtimes",
    ),
    "another runtime": (
        MODEL_FORM + "      runtime: kserve-mlserver\n", CLUSTER, "spec.predictor.model.runtime",
        "'kserve-mlserver'",
    ),
    "another command": (
        CONTAINER_FORM.replace("python, -m, trellis.serving", "python, server.py"), CLUSTER,
        "spec.predictor.containers[0].command", "only our own server",
    ),
    "no command": (
        CONTAINER_FORM.replace("        command: [python, -m, trellis.serving]\n", ""), CLUSTER,
        "spec.predictor.containers[0]", "'trellis/predictor' starts is not known",
    ),
    "missing version of a container": (
        CONTAINER_FORM.replace("squares/v1", "squares/v7"), ERROR,
        "spec.predictor.containers[0].env[0].value", "does not exist",
    ),
    "GPU": (
        MODEL_FORM + "      resources: {limits: {nvidia.com/gpu: 1}}\n", NOTE,
        "spec.predictor.model.resources.limits.nvidia.com/gpu", "no GPU is reserved",
    ),
    "limits": (
        MODEL_FORM + "      resources: {limits: {cpu: 1}}\n", NOTE,
        "spec.predictor.model.resources.limits", "not enforced",
    ),
    "GPU requested": (
        MODEL_FORM
        + "      resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 1}}\n", NOTE,
        "spec.predictor.model.resources.requests.nvidia.com/gpu", "no GPU is reserved",
    ),
    "another resource": (
        MODEL_FORM + "      resources: {limits: {ephemeral-storage: 1Gi}}\n", NOTE,
        "spec.predictor.model.resources.limits.ephemeral-storage", "none is enforced",
    ),
    "requests and limits": (
        MODEL_FORM + "      resources: {requests: {cpu: 1}, limits: {cpu: 1}}\n", NOTE,
        "spec.predictor.model.resources", "neither reserved nor enforced",
    ),
    "model's folder": (
        MODEL_FORM.replace("tomato/v1", "tomato"), ERROR, "spec.predictor.model.storageUri",
        "name a version: pvc://models/tomato/v2",
    ),
    "half a URI": (
        MODEL_FORM.replace("pvc://models/tomato/v1", '"pvc://[models/x"'), ERROR,
        "spec.predictor.model.storageUri", "is no URI",
    ),
    "a long path": (
        MODEL_FORM.replace("tomato/v1", "x" * 300), ERROR, "spec.predictor.model.storageUri",
        "too long",
    ),
    "another model's version": (
        MODEL_FORM.replace("tomato/v1", "squares/v1"), NOTE, "spec.predictor.model.storageUri",
        "is a version of the model 'squares', served as 'tomato'",
    ),
    "a container without a folder": (
        CONTAINER_FORM[: CONTAINER_FORM.index("        args:")], ERROR,
        "spec.predictor.containers[0]", "names no folder to serve",
    ),
    "a container with a volume's folder": (
        CONTAINER_FORM[: CONTAINER_FORM.index("        args:")] + "        volumeMounts: [{name: x}]\n",
        CLUSTER, "spec.predictor.containers[0]", "names no folder to serve",
    ),
    "namespace": (
        MODEL_FORM.replace("  name: tomato\n", "  name: tomato\n  namespace: x\n"), NOTE,
        "metadata.namespace", "is not honoured",
    ),
    "annotation of the platform": (
        MODEL_FORM.replace(
            "  name: tomato\n",
            '  name: tomato\n  annotations: {autoscaling.knative.dev/target: "1"}\n',
        ),
        NOTE, "metadata.annotations.autoscaling.knative.dev/target", "is not honoured",
    ),
    "replicas": (predictor("minReplicas: 3"), NOTE, "spec.predictor.minReplicas", "3 asked for"),
    "maxReplicas": (predictor("maxReplicas: 3"), NOTE, "spec.predictor.maxReplicas", "one process"),
    "secret in env": (
        MODEL_FORM + "      env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]\n",
        NOTE, "spec.predictor.model.env[0].valueFrom", "not read here",
    ),
    "sidecar": (
        CONTAINER_FORM.replace("    containers:\n", "    containers:\n      - {name: proxy}\n"),
        NOTE, "spec.predictor.containers[0]", "'proxy' beside kserve-container",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_findings(case: str, service: Read, models: Path) -> None:
    text, severity, field, words = TABLE[case]
    found = [finding for finding in check(service(text), models) if finding.field == field]
    assert found, case
    assert found[0].severity is severity
    assert words in found[0].text()


@pytest.mark.parametrize(
    "text",
    [
        MODEL_FORM,
        predictor("minReplicas: 0"),
        predictor("canaryTrafficPercent: 20"),
        MODEL_FORM + "      runtime: trellis\n",
        MODEL_FORM + "      runtime: trellis-grpc\n",
        predictor("automountServiceAccountToken: false"),
        predictor("enableServiceLinks: false"),
    ],
    ids=["plain", "scale to zero", "canary", "runtime", "gRPC", "no token", "no links"],
)
def test_nothing_to_find(text: str, service: Read, models: Path) -> None:
    assert check(service(text), models) == []


#: Fields that something here reads, or that the table above holds.
READ = {
    "model": "name command args env resources runtime modelFormat storageUri storage confidential",
    "predictor": "model containers canaryTrafficPercent minReplicas",
}


def example(name: str, types: dict[type, frozenset[str]]) -> str:
    if name == "scaleMetric":  # one of a few words
        return f"{name}: concurrency"
    values = {int: "3", str: "x", bool: "true", list: "[]", dict: "{}"}
    (value,) = [values[kind] for kind, names in types.items() if name in names] or ["x"]
    return f"{name}: {value}"


@pytest.mark.parametrize("name", sorted(fields.MODEL - set(READ["model"].split())))
def test_a_field_of_the_model_that_nothing_reads_is_named(
    name: str, service: Read, models: Path
) -> None:
    text = MODEL_FORM + f"      {example(name, fields.CONTAINER_TYPES)}\n"
    (finding,) = check(service(text), models)
    assert finding.severity is NOTE
    assert finding.field == f"spec.predictor.model.{name}"


@pytest.mark.parametrize(
    "name",
    sorted(fields.PREDICTOR - fields.LEGACY_FRAMEWORKS - set(READ["predictor"].split())),
)
def test_a_field_of_the_predictor_that_nothing_reads_is_named(
    name: str, service: Read, models: Path
) -> None:
    (finding,) = check(service(predictor(example(name, fields.PREDICTOR_TYPES))), models)
    assert finding.severity is NOTE
    assert finding.field == f"spec.predictor.{name}"


def test_a_model_yaml_that_is_none_is_an_error(service: Read, models: Path) -> None:
    (models / "tomato/v1/model.yaml").write_text("name: [")
    (finding,) = check(service(MODEL_FORM), models)
    assert "cannot be read" in finding.problem
    (models / "tomato/v1/model.yaml").write_text("name: tomato\n")
    (finding,) = check(service(MODEL_FORM), models)
    assert "cannot be used: version" in finding.problem
