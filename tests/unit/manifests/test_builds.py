import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.unit.manifests.conftest import (
    EXAMPLES,
    MANIFESTS,
    ROOT,
    Build,
    Combine,
    Documents,
    of_kind,
)
from trellis.local.findings import Severity
from trellis.local.manifests import Reading
from trellis.local.validate import read_and_check

OVERLAYS = ("kind", "production")
#: Those that change or join what an overlay holds; argocd and flux point at one.
COMPONENTS = ("gateway", "gpu", "hpa", "keda", "monitoring", "network-policy")
COMBINATIONS = [
    *[(overlay, (component,)) for overlay, component in itertools.product(OVERLAYS, COMPONENTS)],
    *[(overlay, pair) for overlay in OVERLAYS for pair in (("gpu", "hpa"), ("hpa", "gpu"))],
    *[(overlay, COMPONENTS) for overlay in OVERLAYS],
]

Validate = Callable[[Documents], Reading]


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """`trellis validate` on documents, as a cluster would get them."""

    def validated(documents: Documents) -> Reading:
        file = tmp_path / "rendered.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        reading = read_and_check([file], ROOT / "models")
        assert {service.name for service in reading.services} == {
            document["metadata"]["name"] for document in of_kind(documents, "InferenceService")
        }
        return reading

    return validated


def errors(reading: Reading) -> list[str]:
    return [one.text() for one in reading.findings if one.severity is Severity.ERROR]


@pytest.mark.parametrize(
    "folder", ["base", "overlays/kind", "overlays/production"], ids=lambda folder: folder
)
def test_models_that_a_cluster_would_get_are_valid(
    folder: str, build: Build, validate: Validate
) -> None:
    documents = build(MANIFESTS / folder)
    assert len(of_kind(documents, "InferenceService")) == 4
    assert errors(validate(documents)) == []


@pytest.mark.parametrize(
    ("overlay", "components"),
    COMBINATIONS,
    ids=lambda part: part if isinstance(part, str) else "+".join(part),
)
def test_components_combine(
    overlay: str, components: tuple[str, ...], combine: Combine, validate: Validate
) -> None:
    documents = combine(MANIFESTS / "overlays" / overlay, *components)
    assert errors(validate(documents)) == []
    for service in of_kind(documents, "InferenceService"):
        predictor = service["spec"]["predictor"]
        assert service["metadata"]["namespace"] == "trellis"
        assert ("nvidia.com/gpu" in predictor["model"]["resources"]["limits"]) is (
            "gpu" in components
        )
        standard = service["metadata"]["annotations"].get("serving.kserve.io/deploymentMode")
        assert (standard == "Standard") is ("hpa" in components)
        assert predictor["model"]["storageUri"].startswith("pvc://models/")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_are_valid(file: Path) -> None:
    reading = read_and_check([file], ROOT / "models")
    assert len(reading.services) == 1
    assert errors(reading) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_s_runtime_is_one_of_ours(file: Path) -> None:
    (service,) = of_kind(list(yaml.safe_load_all(file.read_text())), "InferenceService")
    model = service["spec"]["predictor"].get("model")
    runtimes = {path.stem for path in (MANIFESTS / "runtimes").glob("*.yaml")}
    assert model is None or model["runtime"] in runtimes


def test_a_canary_in_standard_mode_is_refused(combine: Combine, validate: Validate) -> None:
    documents = combine(MANIFESTS / "overlays/kind", "hpa")
    of_kind(documents, "InferenceService")[0]["spec"]["predictor"]["canaryTrafficPercent"] = 20
    (said,) = errors(validate(documents))
    assert "KServe ignores the canary without a word" in said


def test_a_platform_brings_the_namespace_and_every_runtime(build: Build) -> None:
    for overlay in OVERLAYS:
        documents = build(MANIFESTS / "overlays" / overlay / "platform")
        (namespace,) = of_kind(documents, "Namespace")
        assert namespace["metadata"]["name"] == "trellis"
        named = {
            runtime["metadata"]["name"] for runtime in of_kind(documents, "ClusterServingRuntime")
        }
        assert {"trellis", "trellis-grpc", "trellis-keras", "trellis-sklearn"} <= named


def test_everything_of_a_platform_is_of_the_cluster_or_of_the_namespace(build: Build) -> None:
    of_the_cluster = {"Namespace", "PersistentVolume", "ClusterServingRuntime"}
    for overlay in OVERLAYS:
        for document in build(MANIFESTS / "overlays" / overlay / "platform"):
            metadata = document["metadata"]
            if document["kind"] in of_the_cluster:
                assert "namespace" not in metadata
            else:
                assert metadata["namespace"] == "trellis", metadata["name"]


def test_the_claim_of_kind_is_the_one_that_models_name(build: Build) -> None:
    documents = build(MANIFESTS / "overlays/kind/platform")
    (claim,) = of_kind(documents, "PersistentVolumeClaim")
    (volume,) = of_kind(documents, "PersistentVolume")
    assert claim["metadata"]["name"] == volume["spec"]["claimRef"]["name"] == "models"
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]


def test_production_keeps_each_model_through_a_drain(build: Build) -> None:
    documents = build(MANIFESTS / "overlays/production")
    kept = {
        budget["spec"]["selector"]["matchLabels"]["serving.kserve.io/inferenceservice"]
        for budget in of_kind(documents, "PodDisruptionBudget")
    }
    for service in of_kind(documents, "InferenceService"):
        assert service["metadata"]["name"] in kept
        assert service["spec"]["predictor"]["minReplicas"] >= 2


@pytest.mark.parametrize("component", ["argocd", "flux"])
def test_what_syncs_points_at_an_overlay_that_exists(component: str, build: Build) -> None:
    documents = build(MANIFESTS / "components" / component)
    (syncs,) = of_kind(documents, {"argocd": "Application", "flux": "Kustomization"}[component])
    path = syncs["spec"].get("path") or syncs["spec"]["source"]["path"]
    assert (ROOT / path / "kustomization.yaml").is_file()


def test_a_weight_that_is_committed_is_the_one_that_argo_cd_applies(build: Build) -> None:
    """What is listed under both takes the live value in place of git's, a canary's 0 included."""
    (application,) = of_kind(build(MANIFESTS / "components/argocd"), "Application")
    options = application["spec"]["syncPolicy"]["syncOptions"]
    assert "ServerSideApply=true" in options
    assert "RespectIgnoreDifferences=true" not in options
    assert "ignoreDifferences" not in application["spec"]


@pytest.mark.parametrize(
    "folder", sorted((MANIFESTS / "components").iterdir()), ids=lambda folder: folder.name
)
def test_each_component_says_what_it_is_for(folder: Path) -> None:
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith("# ")
    assert f"components/{folder.name}" in page


def test_a_manifest_holds_no_field_that_a_cluster_would_refuse(tmp_path: Path) -> None:
    """The check above would see one: it is not silent about everything."""
    text = (MANIFESTS / "base/tomato.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text.replace("minReplicas", "minReplica"))
    shutil.copytree(ROOT / "models/tomato/v1", tmp_path / "models/tomato/v1")
    (said,) = errors(read_and_check([tmp_path / "a.yaml"], tmp_path / "models"))
    assert "did you mean minReplicas?" in said
