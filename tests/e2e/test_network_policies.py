"""The network policies live: what they allow arrives, and nothing else where the network has them.

The network of the built cluster enforces none, so there the others arrive too; kind's own, which
a pulled cluster has, keeps them off. `docs/network-flows.md` is the whole table, and a unit test
evaluates it.
"""

import json

import pytest

from scripts.cluster.settings import NAMESPACE
from tests.e2e.support import pods
from tests.e2e.support.kube import Kube
from tests.e2e.support.services import Service

#: Tries to connect to each HOST:PORT of its arguments and prints which answered.
_TRY = """
import json, socket, sys
def answers(address):
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        return False
    return True
print(json.dumps([answers(address) for address in sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def enforced(kube: Kube) -> bool:
    """Whether the cluster's network has network policies: kind's own has."""
    return kube.find("daemonset", "kindnet", "kube-system") is not None


@pytest.fixture(scope="module")
def targets(kube: Kube, models: dict[str, Service]) -> dict[str, str]:
    """Addresses of pods, by what they are."""
    [redis] = kube.all("pods", NAMESPACE, "statefulset.kubernetes.io/pod-name=trellis-redis-0")
    predictor = models["diabetes"].running()[0]["status"]["podIP"]
    return {
        "Redis": f"{redis['status']['podIP']}:6379",
        "queue-proxy": f"{predictor}:8012",
        "predictor": f"{predictor}:8080",
    }


def _reached(
    kube: Kube, namespace: str, labels: dict[str, str], targets: dict[str, str]
) -> set[str]:
    name = f"from-{'-'.join(labels.values())}"
    told = pods.output(kube, namespace, name, labels, _TRY, *targets.values())
    return {target for target, reached in zip(targets, json.loads(told), strict=True) if reached}


def test_worker_reaches_redis_and_predictors(
    kube: Kube, targets: dict[str, str], enforced: bool
) -> None:
    reached = _reached(kube, NAMESPACE, {"app.kubernetes.io/component": "worker"}, targets)
    assert reached == ({"Redis", "predictor"} if enforced else set(targets))


def test_somebody_in_the_namespace_reaches_nothing(
    kube: Kube, targets: dict[str, str], enforced: bool
) -> None:
    reached = _reached(kube, NAMESPACE, {"app": "somebody"}, targets)
    assert reached == (set() if enforced else set(targets))


def test_worker_of_another_namespace_reaches_nothing(
    kube: Kube, namespace: str, targets: dict[str, str], enforced: bool
) -> None:
    reached = _reached(kube, namespace, {"app.kubernetes.io/component": "worker"}, targets)
    assert reached == (set() if enforced else set(targets))
