"""What the passes of a cluster keep from being swept."""

from typing import Any, cast

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.connection import Connection
from trellis.rollout.events import leftovers
from trellis.rollout.events.store import FoldStore
from trellis.rollout.http.tables import TableServer
from trellis.rollout.metrics.port import MetricsSource
from trellis.rollout.notifications.notifier import Notifier
from trellis.rollout.passes import ClusterPasses
from trellis.rollout.settings import Settings
from trellis.telemetry.metrics import ControllerMetrics

LEAVES, SLOW = "experiment/farm/leaves/1.000", "rollout/farm/slow/1.000"
GONE = "experiment/farm/gone/1.000"


class Empty(Api):
    """An API server with nothing, of which all is heard."""

    async def call(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"items": [], "metadata": {"resourceVersion": "1"}}


class Kept:
    """Watches, and those that were dropped."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    async def names(self) -> set[str]:
        return {LEAVES, SLOW, GONE} - set(self.dropped)

    async def drop(self, name: str) -> None:
        self.dropped.append(name)


def object_of(name: str, **status: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "farm",
        "name": name,
        "uid": name,
        "resourceVersion": "1",
        "generation": 1,
    }
    return {"metadata": metadata, "spec": {}, "status": {**status, "ofANewerController": 1}}


def no_counters(_namespace: str) -> MetricsSource:
    raise AssertionError("nothing is looked at")


async def test_what_a_newer_controller_counts_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = ControllerMetrics(CollectorRegistry())
    async with aiohttp.ClientSession() as session:
        passes = ClusterPasses(
            Empty(Connection("http://127.0.0.1:9", False, "farm"), metrics),
            Settings(namespace="farm"),
            "farm",
            TableServer(),
            session,
            lambda _cluster: no_counters,
            Notifier(()),
            metrics,
            None,
            5.0,
        )
    passes.cluster.experiments.replace([object_of("leaves", plan={"identity": LEAVES})])
    passes.cluster.rollouts.replace([object_of("slow", phase="Progressing")])
    monkeypatch.setattr(type(passes.cluster), "is_heard", True)
    kept = Kept()
    swept = leftovers.Leftovers(cast("FoldStore", kept), lambda _: True)
    for now in (0.0, leftovers.UNUSED_SECONDS):
        in_use = passes._in_use()
        assert in_use is not None
        await swept.sweep(in_use, now)
    assert kept.dropped == [GONE]
