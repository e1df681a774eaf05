from copy import deepcopy
from typing import Any

import pytest
import yaml

from tests.unit.manifests.conftest import MANIFESTS, of_kind
from tests.unit.manifests.pod_security import violations

RUNTIMES = sorted((MANIFESTS / "runtimes").glob("trellis*.yaml"))
CUSTOM = MANIFESTS / "examples/custom-container.yaml"


def pods() -> dict[str, dict[str, Any]]:
    """Everything in manifests/ that a pod is made of."""
    found = {file.stem: yaml.safe_load(file.read_text())["spec"] for file in RUNTIMES}
    return found | {CUSTOM.stem: yaml.safe_load(CUSTOM.read_text())["spec"]["predictor"]}


@pytest.mark.parametrize("name", pods())
def test_every_pod_is_restricted(name: str) -> None:
    assert list(violations(pods()[name])) == []


@pytest.mark.parametrize("name", pods())
def test_every_pod_has_a_read_only_root_and_a_number_for_a_user(name: str) -> None:
    (container,) = pods()[name]["containers"]
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["runAsUser"] == security["runAsGroup"] == 65532


def test_the_namespace_enforces_it() -> None:
    namespace = yaml.safe_load((MANIFESTS / "platform/namespace.yaml").read_text())
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_inference_service_asks_for_a_token() -> None:
    files = [*(MANIFESTS / "base").glob("*.yaml"), *(MANIFESTS / "examples").glob("*.yaml")]
    documents = [d for file in files for d in yaml.safe_load_all(file.read_text())]
    for service in of_kind(documents, "InferenceService"):
        predictor = service["spec"]["predictor"]
        assert predictor["automountServiceAccountToken"] is False, service["metadata"]["name"]


GOOD = pods()["trellis"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"securityContext": None}, "allowPrivilegeEscalation"),
        ({"securityContext": {"privileged": True}}, "is privileged"),
        ({"securityContext": {"runAsUser": 0}}, "runs as root"),
        ({"securityContext": {"capabilities": {"drop": ["KILL"]}}}, "does not drop ALL"),
        (
            {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_TIME"]}}},
            "adds capabilities",
        ),
        ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, "no seccomp profile"),
        ({"ports": [{"containerPort": 80, "hostPort": 80}]}, "a port of the host"),
    ],
)
def test_the_judge_sees_a_container_that_is_not(change: dict[str, Any], said: str) -> None:
    pod = deepcopy(GOOD)
    pod["containers"][0] |= change
    assert any(said in violation for violation in violations(pod))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hostNetwork": True}, "hostNetwork"),
        ({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, "volume h is a hostPath"),
    ],
)
def test_the_judge_sees_a_pod_that_is_not(change: dict[str, Any], said: str) -> None:
    assert any(said in violation for violation in violations(GOOD | change))
