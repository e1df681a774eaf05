"""manifests/components/gateway and keda are what the chart renders, and a table that a gateway takes."""

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
