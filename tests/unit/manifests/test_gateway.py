"""manifests/components/gateway and keda are what the chart renders, and a table that a gateway takes."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.charts.helm import PLATFORM, Document, Helm, named
from tests.unit.manifests.conftest import MANIFESTS, Combine, tool
from trellis.contracts.routing_table import RoutingTable

COMPONENTS = MANIFESTS / "components"
VALUES: dict[str, Any] = {
    "gateway": {"existingSecret": "trellis-gateway"},
    "worker": {"keda": {"enabled": True}},
}


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))


def plain(file: Path) -> list[Document]:
    return list(yaml.safe_load_all(file.read_text("utf-8")))


@pytest.mark.parametrize("name", ["gateway/gateway", "gateway/worker", "keda/worker"])
def test_each_object_is_the_chart_s(helm: Helm, name: str) -> None:
    rendered = helm.render(PLATFORM, VALUES, release="trellis")
    for document in plain(COMPONENTS / f"{name}.yaml"):
        found = named(rendered, document["kind"], document["metadata"]["name"])["spec"]
        if document["kind"] == "Deployment":
            # What another address of Redis changes; and KEDA has the replicas.
            del found["template"]["metadata"]["annotations"]
            found.setdefault("replicas", 1)
        assert document["spec"] == found


def test_the_table_leads_to_the_models_of_base(combine: Combine) -> None:
    documents = combine(MANIFESTS / "overlays/production", "gateway", "keda")
    tables = [item for item in documents if item["metadata"]["name"] == "trellis-routing-table"]
    table = RoutingTable.model_validate_json(tables[0]["data"]["routing-table.json"])
    services = {
        item["metadata"]["name"]: item["spec"]["predictor"]["model"]["storageUri"]
        for item in documents
        if item["kind"] == "InferenceService"
    }
    led = {
        name: f"pvc://models/{name}/{arm.version}"
        for name, route in table.models.items()
        for arm in route.arms
        if arm.url == f"http://{name}-predictor.trellis.svc.cluster.local"
    }
    assert led == services


def blocks(name: str) -> list[dict[str, Any]]:
    """The YAML in a component's README."""
    text = (COMPONENTS / name / "README.md").read_text("utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def test_the_secret_s_example_and_keda_mean_the_same_redis() -> None:
    (scaled,) = plain(COMPONENTS / "keda/worker.yaml")
    asked = {trigger["metadata"]["address"] for trigger in scaled["spec"]["triggers"]}
    readme = (COMPONENTS / "gateway/README.md").read_text("utf-8")
    assert asked == set(re.findall(r"TRELLIS_REDIS_URL=redis://([^/]+)/0", readme))


def test_a_redis_elsewhere_is_reached_as_the_readmes_say(tmp_path: Path) -> None:
    _, policy = blocks("gateway")
    selected = policy["spec"]["podSelector"]["matchExpressions"][0]["values"]
    for component in ("gateway", "worker"):
        (labels,) = (
            document["spec"]["template"]["metadata"]["labels"]
            for document in plain(COMPONENTS / f"gateway/{component}.yaml")
            if document["kind"] == "Deployment"
        )
        assert labels["app.kubernetes.io/component"] in selected
    _, patches = blocks("keda")
    shutil.copy(COMPONENTS / "keda/worker.yaml", tmp_path)
    own = {"resources": ["worker.yaml"], **patches}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    built = subprocess.run(
        [tool("kubectl"), "kustomize", str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    triggers = yaml.safe_load(built)["spec"]["triggers"]
    assert {trigger["metadata"]["address"] for trigger in triggers} == {"redis.example.com:6379"}
