"""compose.yaml and the routing table beside it fit together, and run containers as pods run."""

import re
from typing import Any

import pytest
import yaml

from scripts.images.targets import ROOT, TARGETS
from tests.unit.charts.helm import PLATFORM as CHART
from tests.unit.charts.helm import Helm, named
from tests.unit.manifests.conftest import tool
from trellis.contracts.routing_table import RoutingTable
from trellis.gateway.settings import Settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TABLE = RoutingTable.model_validate_json((ROOT / "compose/routing-table.json").read_bytes())
ARMS = [arm for route in TABLE.models.values() for arm in route.arms]
REDIS = ("redis", "redis-cache")
PLATFORM = ("gateway", "worker", *REDIS)
CHART_REDIS = (("StatefulSet", "trellis-redis"), ("Deployment", "trellis-redis-cache"))


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))


@pytest.mark.parametrize("name", list(SERVICES))
def test_each_service_runs_restricted(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    volumes = [volume for volume in service.get("volumes", []) if not volume.endswith(":ro")]
    assert volumes == (["redis:/data/redis"] if name == "redis" else [])


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in REDIS])
def test_each_service_but_redis_is_of_an_image_of_ours(name: str) -> None:
    images = {target.image: target.name for target in TARGETS}
    target = images[SERVICES[name]["image"]]
    assert SERVICES[name]["build"] == {"context": ".", "target": target}


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_gateway_and_worker_take_the_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in SERVICES[name]["environment"].items():
        assert variable.removeprefix("TRELLIS_").lower() in Settings.model_fields
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
    found = Settings(_env_file=None)
    assert found.auth == "open"
    assert found.redis_url is not None
    assert found.cache_redis_url is not None
    for url in (found.redis_url, found.cache_redis_url):
        assert url.get_secret_value().split("//")[1].partition(":")[0] in REDIS


@pytest.mark.parametrize(
    ("name", "workload"), list(zip(REDIS, CHART_REDIS, strict=True)), ids=REDIS
)
def test_redis_is_set_as_in_the_chart(helm: Helm, name: str, workload: tuple[str, str]) -> None:
    rendered = named(helm.render(CHART), *workload)
    (container,) = rendered["spec"]["template"]["spec"]["containers"]
    places = {"/data/redis", "/tmp", "/data"}
    here, there = (
        [a for a in x if a not in places] for x in (SERVICES[name]["command"], container["args"])
    )
    assert here == there
    assert SERVICES[name]["image"] == f"${{TRELLIS_REDIS_IMAGE:-{container['image']}}}"


def test_the_dashboard_reads_the_worker_s_metrics() -> None:
    (page,) = SERVICES["gateway"]["environment"]["TRELLIS_DASHBOARD_WORKERS"].split(",")
    assert page == f"http://worker:{Settings.model_fields['worker_port'].default}/metrics"
    own = SERVICES["gateway"]["environment"].keys() - SERVICES["worker"]["environment"].keys()
    assert own == {"TRELLIS_ALLOWED_HOSTS", "TRELLIS_DASHBOARD_WORKERS"}


def test_only_the_gateway_is_reached_and_only_from_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["gateway"]["ports"])


def test_each_arm_is_a_service_with_that_version() -> None:
    assert {arm.revision for arm in ARMS} == set(SERVICES) - set(PLATFORM)
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


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_gateway_and_worker_wait_for_all_of_them(name: str) -> None:
    waits = SERVICES[name]["depends_on"]
    assert set(waits) == {*REDIS, *(arm.revision for arm in ARMS)}
    assert all(wait == {"condition": "service_healthy"} for wait in waits.values())


def test_the_page_is_at_the_port_of_browsers_unless_another_is_named() -> None:
    assert "127.0.0.1:${TRELLIS_HTTP_PORT:-80}:8080" in SERVICES["gateway"]["ports"]


def test_a_fifth_of_the_tomatoes_goes_to_the_second_version() -> None:
    weights = {arm.version: arm.weight for arm in TABLE.models["tomato"].arms}
    assert weights == pytest.approx({"v1": 0.8, "v2": 0.2})
