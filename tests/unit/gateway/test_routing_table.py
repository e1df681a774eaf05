import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from trellis.gateway.ejection import Rules
from trellis.gateway.errors import NotReady
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.routing_table import TableHolder, follow_file
from trellis.telemetry.metrics import GatewayMetrics


def document(version: int, **changes: Any) -> bytes:
    arm = {
        "url": "http://a:1",
        "model": "m",
        "version": "v1",
        "revision": "r",
        "intervals": [[0, 1]],
    }
    route = {"salt": "s", "arms": [{**arm, **changes}]}
    return json.dumps({"version": version, "models": {"m": route}}).encode()


class Holding:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        metrics = GatewayMetrics(self.registry)
        self.holder = TableHolder(metrics, Meters(metrics), Healths(metrics, Rules(5, 5.0)))

    @property
    def refused(self) -> float | None:
        return self.registry.get_sample_value("trellis_routing_table_refused_total")


def test_nothing_is_ready_before_the_first_table() -> None:
    holder = Holding().holder
    assert not holder.ready
    with pytest.raises(NotReady, match="no routing table yet"):
        _ = holder.router


def test_a_good_table_is_put_in_use() -> None:
    holding = Holding()
    assert holding.holder.offer(document(7), "test")
    assert holding.holder.ready
    assert holding.holder.router.table_version == 7
    assert holding.registry.get_sample_value("trellis_routing_table_version") == 7


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        document(2, intervals=[[0, 0.9]]),
        document(2, url="ftp://x"),
        document(2, unknownField=1),
        document(-1),
    ],
    ids=["empty", "no-json", "a-list", "a-gap", "bad-url", "unknown-field", "bad-version"],
)
def test_a_broken_table_is_refused_and_counted_and_the_last_good_one_stays(broken: bytes) -> None:
    holding = Holding()
    holding.holder.offer(document(1), "test")
    assert not holding.holder.offer(broken, "test")
    assert holding.holder.router.table_version == 1
    assert holding.refused == 1


def test_draining_asks_for_no_new_requests_but_answers_those_that_come() -> None:
    holder = Holding().holder
    holder.offer(document(1), "test")
    holder.draining = True
    assert not holder.ready
    assert holder.router.table_version == 1


@contextlib.asynccontextmanager
async def following(path: Path, holder: TableHolder) -> AsyncIterator[None]:
    task = asyncio.create_task(follow_file(path, holder))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the code under test has no event to wait for
            await asyncio.sleep(0.02)


async def test_a_file_is_read_when_it_appears_and_again_when_it_changes(tmp_path: Path) -> None:
    holding = Holding()
    path = tmp_path / "table.json"
    async with following(path, holding.holder):
        await asyncio.sleep(0.05)
        path.write_bytes(document(1))
        await until(lambda: holding.holder.ready)
        path.write_bytes(b"half a tab")
        await until(lambda: holding.refused == 1)
        assert holding.holder.router.table_version == 1
        path.write_bytes(document(2))
        await until(lambda: holding.holder.router.table_version == 2)


def test_a_table_without_an_arm_that_is_out_takes_it_from_the_page() -> None:
    holding = Holding()
    holding.holder.offer(document(1), "test")
    health = holding.holder.router.route("m").stable.health
    for _ in range(5):
        health.failed(health.era, 0.0)

    def told(revision: str) -> float | None:
        who = {"model": "m", "version": "v1", "revision": revision}
        return holding.registry.get_sample_value("trellis_ejected_arms", who)

    assert told("r") == 1
    holding.holder.offer(document(2, revision="r2"), "test")
    assert (told("r"), told("r2")) == (None, None)
