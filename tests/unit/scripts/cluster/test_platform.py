import pytest

from scripts.cluster.platform import GATEWAY_HOST, PROMETHEUS, values
from scripts.cluster.supply import EXTRAS
from tests.unit.charts.helm import PLATFORM, ROOT, Helm, named, of_kind
from tests.unit.manifests.conftest import tool
from trellis.contracts.routing_table import RoutingTable

REDIS = "trellis/redis:7"
IMAGES = ("predictor", "gateway")


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))


def test_the_gateway_knows_the_models_that_the_overlay_deploys(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, values(ROOT, REDIS, IMAGES, ()))
    document = named(rendered, "ConfigMap", "trellis-routing-table")["data"]["routing-table.json"]
    table = RoutingTable.model_validate_json(document)
    assert set(table.models) == {"cifar10", "diabetes", "sentiment", "tomato"}
    for name, route in table.models.items():
        (arm,) = route.arms
        assert (ROOT / "models" / name / arm.version / "model.yaml").is_file()


def test_without_its_image_there_is_no_gateway(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, values(ROOT, REDIS, ("predictor",), ()))
    assert {item["metadata"]["name"] for item in of_kind(rendered, "Deployment")} == {
        "trellis-redis-cache"
    }


def test_a_controller_is_there_with_its_image_and_the_gateway_follows_it(helm: Helm) -> None:
    plain = helm.render(PLATFORM, values(ROOT, REDIS, IMAGES, ()))
    full = helm.render(PLATFORM, values(ROOT, REDIS, (*IMAGES, "controller"), ()))
    assert "trellis-controller" not in str(plain)
    assert named(full, "Deployment", "trellis-controller")["spec"]["replicas"] == 1
    assert "http://trellis-controller." in str(named(full, "Deployment", "trellis-gateway"))


def test_what_was_asked_for_besides_is_used(helm: Helm) -> None:
    plain = helm.render(PLATFORM, values(ROOT, REDIS, IMAGES, ()))
    full = helm.render(PLATFORM, values(ROOT, REDIS, IMAGES, EXTRAS))
    assert of_kind(plain, "ScaledObject") == []
    assert len(of_kind(full, "ScaledObject")) == 1
    assert PROMETHEUS not in str(plain)
    assert PROMETHEUS in str(named(full, "Deployment", "trellis-gateway"))


def test_the_page_s_host_is_one_of_the_certificate_s() -> None:
    assert GATEWAY_HOST == "gateway.trellis.localhost"
