"""KEDA scales workers by the length of a Redis stream: from none, and to none again.

The worker itself comes with asynchronous jobs; a Deployment of its name stands in its place, and
the entries are read and finished by `redis-cli`.
"""

import time
from collections.abc import Iterator

import pytest
import yaml

from scripts.cluster.settings import NAMESPACE
from tests.e2e.support import pods
from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.services import REPOSITORY
from tests.e2e.support.times import Times
from tests.e2e.support.waiting import NotYet, wait_for

SCALED_OBJECT = REPOSITORY / "manifests/components/keda/worker.yaml"
WORKER = "trellis-worker"
PATIENCE = 90.0


@pytest.fixture(scope="module")
def trigger(kube: Kube) -> Iterator[Document]:
    """The component as it is, but for a shorter patience before the last worker goes."""
    scaled: Document = yaml.safe_load(SCALED_OBJECT.read_text("utf-8"))
    scaled["spec"]["cooldownPeriod"] = 5
    kube.apply(_worker(), scaled, namespace=NAMESPACE)
    metadata: Document = scaled["spec"]["triggers"][0]["metadata"]
    try:
        _redis(
            kube, "XGROUP", "CREATE", metadata["stream"], metadata["consumerGroup"], "0", "MKSTREAM"
        )
        yield metadata
    finally:
        kube.delete("scaledobject", scaled["metadata"]["name"], NAMESPACE)
        kube.delete("deployment", WORKER, NAMESPACE)
        _redis(kube, "DEL", metadata["stream"])


def test_workers_come_and_go_with_the_stream(kube: Kube, trigger: Document, times: Times) -> None:
    stream, group = trigger["stream"], trigger["consumerGroup"]
    _until_replicas(kube, 0)
    begin = time.monotonic()
    for number in range(12):
        _redis(kube, "XADD", stream, "*", "job", str(number))
    _until_replicas(kube, 3)  # twelve entries that no one has read, five to a worker
    times.add("KEDA: from no worker to 3", time.monotonic() - begin)
    _redis(kube, "XREADGROUP", "GROUP", group, "one", "COUNT", "12", "STREAMS", stream, ">")
    time.sleep(10)  # two looks of KEDA: entries that are read and not finished count as well
    assert _replicas(kube) == 3
    begin = time.monotonic()
    entries = _redis(kube, "XPENDING", stream, group, "-", "+", "12").splitlines()[::4]
    assert _redis(kube, "XACK", stream, group, *entries).strip() == "12"
    _until_replicas(kube, 0, seconds=240)
    times.add("KEDA: to no worker", time.monotonic() - begin)


def _redis(kube: Kube, *command: str) -> str:
    """What the durable Redis answers, in `redis-cli`'s plain form."""
    return kube.run(
        "exec", "statefulset/trellis-redis", "--namespace", NAMESPACE, "--", "redis-cli", *command
    )


def _replicas(kube: Kube) -> int:
    return int(kube.get("deployment", WORKER, NAMESPACE)["spec"]["replicas"])


def _until_replicas(kube: Kube, count: int, seconds: float = PATIENCE) -> None:
    def look() -> None:
        if (found := _replicas(kube)) != count:
            raise NotYet(f"the Deployment asks for {found}")

    wait_for(f"{count} replicas of {WORKER}", look, seconds)


def _worker() -> Document:
    """A pod that does nothing, under the rules of the namespace."""
    labels = {"app.kubernetes.io/component": "worker", "app.kubernetes.io/part-of": "trellis"}
    wait = "import signal; signal.sigwait({signal.SIGTERM})"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": WORKER, "labels": labels},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "automountServiceAccountToken": False,
                    "containers": [pods.container("worker", wait)],
                },
            },
        },
    }
