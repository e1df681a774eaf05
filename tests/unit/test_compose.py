"""compose.yaml and the routing table beside it fit together, and run containers as pods run."""

from typing import Any

import pytest
import yaml

from scripts.images.targets import ROOT, TARGETS
from trellis.contracts.routing_table import RoutingTable

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TABLE = RoutingTable.model_validate_json((ROOT / "compose/routing-table.json").read_bytes())
ARMS = [arm for route in TABLE.models.values() for arm in route.arms]


@pytest.mark.parametrize("name", list(SERVICES))
def test_each_service_runs_restricted_from_an_image_of_ours(name: str) -> None:
    service = SERVICES[name]
    images = {target.image: target.name for target in TARGETS}
    assert service["build"] == {"context": ".", "target": images[service["image"]]}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(volume.endswith(":ro") for volume in service["volumes"])


def test_only_the_gateway_is_reached_and_only_from_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["gateway"]["ports"])


def test_each_arm_is_a_service_with_that_version() -> None:
    assert {arm.revision for arm in ARMS} == set(SERVICES) - {"gateway"}
    for arm in ARMS:
        assert (arm.url, arm.grpc_address) == (
            f"http://{arm.revision}:8080",
            f"{arm.revision}:8081",
        )
        service = SERVICES[arm.revision]
        assert service["command"] == [f"--model_name={arm.model}"]
        assert service["environment"] == {"TRELLIS_REVISION": arm.revision}
        assert service["volumes"] == [f"./models/{arm.model}/{arm.version}:/mnt/models:ro"]
        assert (ROOT / f"models/{arm.model}/{arm.version}/model.yaml").is_file()


def test_the_gateway_waits_for_all_of_them() -> None:
    waits = SERVICES["gateway"]["depends_on"]
    assert waits == {arm.revision: {"condition": "service_healthy"} for arm in ARMS}


def test_a_fifth_of_the_tomatoes_goes_to_the_second_version() -> None:
    weights = {arm.version: arm.weight for arm in TABLE.models["tomato"].arms}
    assert weights == pytest.approx({"v1": 0.8, "v2": 0.2})
