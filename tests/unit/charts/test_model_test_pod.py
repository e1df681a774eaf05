from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Document, Helm, of_kind
from tests.unit.manifests.pod_security import violations

GRPC = {"runtime": "trellis-grpc", "protocol": "grpc-v2"}


def pod(helm: Helm, values: dict[str, Any] | None = None) -> Document:
    (found,) = of_kind(helm.render(MODEL, values), "Pod")
    return found


def test_it_is_a_hook_that_leaves_nothing_behind(helm: Helm) -> None:
    annotations = pod(helm)["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "test"
    assert "hook-succeeded" in annotations["helm.sh/hook-delete-policy"]


@pytest.mark.parametrize("values", [{}, GRPC], ids=["REST", "gRPC"])
def test_it_is_restricted_and_has_no_token(helm: Helm, values: dict[str, Any]) -> None:
    spec = pod(helm, values)["spec"]
    assert list(violations(spec)) == []
    assert spec["automountServiceAccountToken"] is False


def test_it_asks_every_service_of_the_release(helm: Helm) -> None:
    (container,) = pod(helm, {"arms": [{"name": "b", "version": "v2"}]})["spec"]["containers"]
    assert container["image"] == "trellis/predictor:0.1.0"
    assert container["args"][1:] == [
        "--timeout=60",
        "tomato=tomato-predictor.trellis.svc.cluster.local",
        "tomato-b=tomato-b-predictor.trellis.svc.cluster.local",
    ]


@pytest.mark.parametrize(("values", "script"), [({}, "ask_rest.py"), (GRPC, "ask_grpc.py")])
def test_its_script_arrives_whole(helm: Helm, values: dict[str, Any], script: str) -> None:
    (container,) = pod(helm, values)["spec"]["containers"]
    assert container["args"][0].strip() == (MODEL / "files" / script).read_text().strip()
