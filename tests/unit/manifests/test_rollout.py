"""manifests/components/rollout and crds are what the chart renders; gateways are led to it."""

from typing import Any

import pytest
import yaml

from tests.unit.charts.helm import PLATFORM, Helm, named
from tests.unit.manifests.conftest import MANIFESTS, Build, Combine, of_kind, tool
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.resources import KINDS, ExperimentResource, Rollout

VALUES: dict[str, Any] = {
    "gateway": {"existingSecret": "trellis-gateway"},
    "controller": {"enabled": True},
}
CONTROLLER = "http://trellis-controller.trellis.svc.cluster.local"


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))


@pytest.mark.parametrize("name", ["access", "controller", "table", "webhook"])
def test_each_object_is_the_chart_s(helm: Helm, name: str) -> None:
    rendered = helm.render(PLATFORM, VALUES, release="trellis")
    file = MANIFESTS / f"components/rollout/{name}.yaml"
    for document in yaml.safe_load_all(file.read_text("utf-8")):
        found = named(rendered, document["kind"], document["metadata"]["name"])
        if document["kind"] == "Deployment":  # what another address of Redis changes
            del found["spec"]["template"]["metadata"]["annotations"]
        for part in {*document, *found} - {"metadata"}:
            assert document.get(part) == found.get(part), part


def test_the_chart_s_objects_are_all_there(helm: Helm, combine: Combine) -> None:
    rendered = helm.render(PLATFORM, VALUES, release="trellis")
    wanted = {
        (item["kind"], item["metadata"]["name"])
        for item in rendered
        if item["metadata"]["name"].startswith("trellis-controller")
        or item["kind"] in {"CustomResourceDefinition", "ClusterRole"}
    }
    documents = combine(MANIFESTS / "overlays/production", "rollout")
    assert wanted <= {(item["kind"], item["metadata"]["name"]) for item in documents}
    assert len(wanted) > 10


def test_gateways_and_workers_beside_it_take_its_table(combine: Combine) -> None:
    documents = combine(MANIFESTS / "overlays/production", "gateway", "rollout")
    for name in ("trellis-gateway", "trellis-worker"):
        pod = named(documents, "Deployment", name)["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        variables = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert variables["TRELLIS_CONTROLLER_URL"] == CONTROLLER
        assert variables["TRELLIS_ROUTING_TABLE_URL"] == f"{CONTROLLER}/routing-table"
        (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "routing-table"]
        assert volume["configMap"]["name"] == "trellis-controller-table"


def test_the_definitions_stand_alone(build: Build) -> None:
    found = of_kind(build(MANIFESTS / "crds"), "CustomResourceDefinition")
    assert {item["metadata"]["name"] for item in found} == {kind.name for kind in KINDS}


def test_the_examples_are_taken_by_the_types() -> None:
    rollout = _of("rollout", "Rollout")
    assert isinstance(Rollout.model_validate(rollout).spec, RolloutSpec)
    experiment = _of("experiment", "Experiment")
    assert isinstance(ExperimentResource.model_validate(experiment).spec, ExperimentSpec)


def _of(example: str, kind: str) -> dict[str, Any]:
    text = (MANIFESTS / f"examples/{example}.yaml").read_text("utf-8")
    (found,) = [item for item in yaml.safe_load_all(text) if item["kind"] == kind]
    return dict(found)
