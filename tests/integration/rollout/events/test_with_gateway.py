"""From a user's request to the winner: a gateway's process, real Redis, the fold, the experiment."""

import time
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.integration.gateway.processes import FakeUpstream, Gateway, post_json, table_of
from tests.integration.redis_server import RedisServer
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.gateway.redis_clients import durable_redis
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import FoldStore
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.verdict import judge
from trellis.rollout.experiments.watching import watch_of

WINDOW_SECONDS = 3600
WITHIN_SECONDS = 20.0
UNITS = 300
SENTENCE = {"text": "so glad"}
HALVES = {"v1-1": 0.5, "v2-1": 0.5}
SPEC = ExperimentSpec.model_validate(
    {
        "model": "sentiment",
        "arms": [{"version": "v1"}, {"version": "v2"}],
        "goal": {"kind": "label"},
        "attribution_window": f"{WINDOW_SECONDS}s",
        "guardrails": [{"metric": "errors"}],
        "unit": "returning",
    }
)


@pytest.fixture
def gateway(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, str]]:
    """One before two versions, and the prefix of its keys."""
    folder = tmp_path_factory.mktemp("experiment")
    one, two = FakeUpstream("v1", folder), FakeUpstream("v2", folder)
    one.up()
    two.up()
    arms = [
        one.arm(model="sentiment", intervals=[[0, 0.5]]),
        two.arm(model="sentiment", intervals=[[0.5, 1]]),
    ]
    route = {
        "arms": arms,
        "record": True,
        "experiment": "words",
        "attributionWindow": WINDOW_SECONDS,
    }
    running = Gateway(
        folder,
        table_of({"sentiment": route}),
        redis_url=redis_server.url,
        redis_prefix=folder.name,
    )
    running.up()
    yield running, folder.name
    assert running.stop() == 0
    one.stop()
    two.stop()


async def test_the_version_whose_labels_are_right_wins(
    gateway: tuple[Gateway, str], redis_server: RedisServer
) -> None:
    running, prefix = gateway
    redis = durable_redis(redis_server.url)
    try:
        await _story(running, redis, prefix)
    finally:
        await redis.aclose()


async def _story(running: Gateway, redis: Redis, prefix: str) -> None:
    store = FoldStore(redis, prefix)
    watch = watch_of("words", "words", SPEC, {"v1-1": "v1", "v2-1": "v2"}, HALVES, era=1)
    await store.watch(watch)
    versions = _ask_and_label(running)
    reader = EventReader(redis, store, "one")
    until = time.monotonic() + WITHIN_SECONDS
    while sum((await store.news(watch, 0)).exposures.values()) < UNITS:
        assert time.monotonic() < until
        await reader.step(time.time())
    evidence = ExperimentEvidence.start(SPEC).add((await store.news(watch, 0)).blocks)
    assert evidence.winner is None
    assert all(of.number == 0 for of in evidence.ripe.values())
    while await reader.step(time.time() + WINDOW_SECONDS + 60):
        pass
    news = await store.news(watch, evidence.read)
    status = judge(evidence.add(news.blocks), news, {"v1": "v1-1", "v2": "v2-1"}, {})
    assert (status.winner, status.phase, status.incomplete) == ("v2", "Decided", False)
    assert {arm.version: arm.exposures for arm in status.arms} == {
        version: list(versions.values()).count(version) for version in ("v1", "v2")
    }
    assert sum(arm.ripe for arm in status.arms) > UNITS - 40  # the rest wait for a look of twenty


def _ask_and_label(running: Gateway) -> dict[str, str]:
    """Every unit asks once and says whether it agrees: with v2 always, with v1 half of the time.

    Returns the version that each request met, by its id.
    """
    met: dict[str, str] = {}
    said: list[dict[str, Any]] = []
    for number in range(UNITS):
        request_id = f"words-{number}"
        headers = {"x-request-id": request_id, "x-unit-id": f"user {number}"}
        status, _, body = post_json(f"{running.url}/predict/sentiment", SENTENCE, headers)
        assert (status, b'"positive"' in body) == (200, True)
        met[request_id] = "v1" if _point(number) < 0.5 else "v2"
        right = met[request_id] == "v2" or number % 2
        said.append({"request_id": request_id, "label": "positive" if right else "negative"})
    for start in range(0, UNITS, 100):
        status, _, body = post_json(f"{running.url}/feedback", said[start : start + 100])
        assert status == 200, body
    return met


def _point(number: int) -> float:
    key = b"salt of sentiment"
    return int.from_bytes(blake2b(f"user {number}".encode(), key=key).digest()[:8], "big") / 2**64
