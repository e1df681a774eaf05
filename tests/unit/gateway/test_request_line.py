import pytest
from prometheus_client import CollectorRegistry

from trellis.contracts.routing_table import Arm
from trellis.gateway.ejection import Rules
from trellis.gateway.errors import NotFound
from trellis.gateway.healths import Healths
from trellis.gateway.metering import ArmMeter
from trellis.gateway.request_line import forwarded_path, read_request_line
from trellis.gateway.router import Target
from trellis.telemetry.metrics import GatewayMetrics


@pytest.mark.parametrize(
    ("path", "query", "model", "version", "fallback"),
    [
        ("/v2/models/tomato/infer", "", "tomato", None, False),
        ("/v2/models/tomato", "", "tomato", None, False),
        ("/v2/models/tomato/versions/v2/infer", "", "tomato", "v2", False),
        ("/v2/models/tomato/versions/v2", "", "tomato", "v2", False),
        ("/v1/models/tomato:predict", "", "tomato", None, False),
        ("/v1/models/tomato/versions/v2:predict", "", "tomato", "v2", False),
        ("/v2/models/tomato/infer", "model_version=v1", "tomato", "v1", False),
        ("/v2/models/tomato/infer", "a=1&model_version=v1&fallback=true", "tomato", "v1", True),
        ("/v2/models/tomato/versions/v2/infer", "model_version=v1", "tomato", "v2", False),
        ("/v2/models/tomato/infer", "fallback=false", "tomato", None, False),
        ("/v2/models/%74omato/infer", "", "tomato", None, False),
        ("/v2/models/a..b/infer", "", "a..b", None, False),
    ],
)
def test_model_and_version(
    path: str, query: str, model: str, version: str | None, *, fallback: bool
) -> None:
    asked = read_request_line(path.encode(), query.encode())
    assert (asked.model, asked.version, asked.fallback) == (model, version, fallback)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/",
        "/v1/models/:predict",
        "/v2/models/tomato/../../metrics",
        "/v2/models/tomato/%2e%2e/%2E%2E/metrics",
        "/v2/models/tomato/..%2f..%2fmetrics",
        "/v2/models/./infer",
        "/v2/models/../health",
    ],
)
def test_a_path_without_a_model_or_with_dots_is_no_route(path: str) -> None:
    with pytest.raises(NotFound, match="no such route"):
        read_request_line(path.encode(), b"")


@pytest.mark.parametrize(
    ("path", "query", "forwarded"),
    [
        ("/v2/models/tomato/infer", "", "/v2/models/tomato-v2/infer"),
        ("/v1/models/tomato:predict", "a=b", "/v1/models/tomato-v2:predict?a=b"),
        ("/v2/models/tomato/versions/v2", "", "/v2/models/tomato-v2/versions/v2"),
        ("/v2/models/tomato/x%20y", "q=%2F", "/v2/models/tomato-v2/x%20y?q=%2F"),
    ],
)
def test_the_models_name_is_rewritten_where_the_arm_has_another(
    path: str, query: str, forwarded: str
) -> None:
    asked = read_request_line(path.encode(), query.encode())
    arm = Arm(url="http://x", model="tomato-v2", version="v2", revision="r")
    metrics = GatewayMetrics(CollectorRegistry())
    meter = ArmMeter(metrics, "tomato", "v2", "r")
    target = Target("tomato", arm, meter, Healths(metrics, Rules(0, 1.0)).of("tomato", arm))
    assert forwarded_path(asked, target, path.encode(), query.encode()) == forwarded
    same = target._replace(arm=arm.model_copy(update={"model": "tomato"}))
    as_it_came = path + ("?" + query if query else "")
    assert forwarded_path(asked, same, path.encode(), query.encode()) == as_it_came


@pytest.mark.parametrize(
    ("path", "protocol"),
    [
        ("/v2/models/m/infer", "v2"),
        ("/v2/models/m/versions/v2/infer", "v2"),
        ("/v1/models/m:predict", "v1"),
        ("/v1/models/m/versions/v2:predict", "v1"),
        ("/v2/models/m", None),
        ("/v2/models/m/ready", None),
        ("/v2/models/m/inferx", None),
        ("/v1/models/m/infer", None),
        ("/v2/models/m:predict", None),
        ("/v1/models/m:explain", None),
    ],
)
def test_what_asks_for_a_prediction(path: str, protocol: str | None) -> None:
    assert read_request_line(path.encode(), b"").inference == protocol
