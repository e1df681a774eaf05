"""Exposures and outcomes in real Redis: once each, joined, bounded, and what was read goes first."""

import contextlib
import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.redis_server import RedisServer
from tests.unit.gateway.events.exposures import exposure
from trellis.contracts.events import READERS, AuditEntry, Exposure, Outcome, OutcomeKind
from trellis.gateway.errors import EventsDown
from trellis.gateway.events import store as event_store
from trellis.gateway.events.batch import write_batch
from trellis.gateway.events.store import EventStore, Fate, Said
from trellis.gateway.redis_clients import durable_redis

BOUND = 64 * 1024
#: The library's types allow answers that these commands never give.
Client = Any


@pytest.fixture
async def redis(each_redis_server: RedisServer) -> AsyncIterator[Client]:
    client = durable_redis(each_redis_server.url)
    yield client
    await client.aclose()


@pytest.fixture
def store(redis: Client) -> EventStore:
    return store_of(redis)


def store_of(redis: Client, max_bytes: int = BOUND, index_bytes: int = 2**30) -> EventStore:
    return EventStore(redis, f"test-{uuid4().hex[:12]}", max_bytes, index_bytes)


async def write(
    store: EventStore, *exposures: Exposure, writer: str = "w", number: int = 0, window: float = 60
) -> Fate:
    batch = write_batch(exposures, {}, lambda _model: window, store.keys)
    return await store.write(writer, number, batch)


async def fill(store: EventStore) -> int:
    """Write until a batch is dropped, or 5,000 are in; returns how many were stored."""
    for number in range(500):
        batch = [exposure(f"fill-{number}-{place}") for place in range(10)]
        if await write(store, *batch, writer="filler", number=number) == "dropped":
            return number * 10
    return 5000


async def test_a_batch_sent_again_is_written_once(store: EventStore, redis: Client) -> None:
    both = exposure("r1"), exposure("r2", unit="f" * 16, code=500)
    assert [await write(store, *both) for _ in range(3)] == ["written", "known", "known"]
    entries = await redis.xrange(store.keys.exposures)
    assert [Exposure.model_validate_json(fields[b"event"]) for _, fields in entries] == list(both)
    assert await store.counts("colours") == {
        "exposures:leaf-1": "2",
        "errors:leaf-1": "1",
        "version:leaf-1": "v1",
        "units:leaf-1": "2",
    }
    assert await write(store, exposure("r3"), number=1) == "written"
    assert await redis.xlen(store.keys.exposures) == 3


async def test_an_outcome_is_joined_to_what_served(store: EventStore, redis: Client) -> None:
    met = exposure("r1", arm="leaf-2", version="v1", revision="leaf-1", propensity=0.25)
    await write(store, met)
    said = Said("r1", "score", b"0.125", 1_790_000_100.654321)
    (recorded,) = await store.record([said])
    assert recorded == (200, said.time, True)
    ((_, fields),) = await redis.xrange(store.keys.outcomes)
    outcome = Outcome.model_validate_json(fields[b"event"])
    assert (outcome.arm, outcome.revision, outcome.propensity) == ("leaf-2", "leaf-1", 0.25)
    assert (outcome.value, outcome.time, outcome.exposed_at) == (0.125, said.time, met.time)
    counts = await store.counts("colours")
    assert (counts["scores:leaf-2"], float(counts["score-sum:leaf-2"])) == ("1", 0.125)


async def test_feedback_is_taken_once_a_kind_and_never_changed(
    store: EventStore, redis: Client
) -> None:
    await write(store, exposure("r1"))
    yes, no = Said("r1", "conversion", b"true", 1.0), Said("r1", "conversion", b"false", 2.0)
    label = Said("r1", "label", b'"a b\\nc"', 3.0)
    stranger = Said("r2", "conversion", b"true", 4.0)
    results = await store.record([yes, yes._replace(time=9.0), no, label, label, stranger])
    assert results == [
        (200, 1.0, True), (200, 1.0, False), (409, 1.0, False),
        (200, 3.0, True), (200, 3.0, False), (404, 0.0, False),
    ]  # fmt: skip
    assert await redis.xlen(store.keys.outcomes) == 2
    counts = await store.counts("colours")
    assert (counts["conversions:leaf-1"], counts["labels:leaf-1"]) == ("1", "1")


async def test_a_conversion_that_did_not_happen_is_kept_but_not_counted(
    store: EventStore, redis: Client
) -> None:
    await write(store, exposure("r1"))
    await store.record([Said("r1", "conversion", b"false", 1.0)])
    assert await redis.xlen(store.keys.outcomes) == 1
    assert (await store.counts("colours"))["conversions:leaf-1"] == "0"


async def test_what_was_asked_for_is_joined_but_counts_for_no_arm(
    store: EventStore, redis: Client
) -> None:
    await write(store, exposure("r1", asked=True))
    (recorded,) = await store.record([Said("r1", "conversion", b"true", 1.0)])
    assert recorded.status == 200
    assert await store.counts("colours") == {}
    ((_, fields),) = await redis.xrange(store.keys.outcomes)
    assert json.loads(fields[b"event"])["asked"] is True


async def test_the_index_forgets_with_the_attribution_window(
    store: EventStore, redis: Client
) -> None:
    await write(store, exposure("r1"), window=3600)
    assert 3500 < await redis.ttl(store.keys.request("r1")) <= 3600
    await store.record([Said("r1", "conversion", b"true", 1.0)])
    assert 0 < await redis.pttl(store.keys.outcome("r1", "conversion")) <= 3600_000
    await redis.pexpire(store.keys.request("r1"), 1)
    while await redis.exists(store.keys.request("r1")):
        pass
    assert await store.models_of(["r1"]) == [None]
    (late,) = await store.record([Said("r1", "label", b'"x"', 2.0)])
    assert late.status == 404


async def test_unread_exposures_are_never_trimmed_and_what_is_beyond_is_counted(
    store: EventStore, redis: Client
) -> None:
    await redis.xgroup_create(store.keys.exposures, READERS, id="0", mkstream=True)
    stored = await fill(store)
    assert 0 < stored < 5000
    assert await redis.xlen(store.keys.exposures) == stored
    assert await redis.memory_usage(store.keys.exposures) <= BOUND
    assert (await store.counts("colours"))["dropped"] == "10"
    assert await store.models_of([f"fill-{stored // 10}-0"]) == [None]


async def test_what_the_controller_has_acknowledged_makes_room(
    store: EventStore, redis: Client
) -> None:
    await redis.xgroup_create(store.keys.exposures, READERS, id="0", mkstream=True)
    stored = await fill(store)
    ((_, read),) = await redis.xreadgroup(
        READERS, "one", {store.keys.exposures: ">"}, count=stored // 2
    )
    # Read but not acknowledged: a controller that dies here must find them again.
    assert await write(store, exposure("still-full"), writer="x") == "dropped"
    assert await redis.xlen(store.keys.exposures) == stored
    await redis.xack(store.keys.exposures, READERS, *(entry_id for entry_id, _ in read))
    more = [exposure(f"fits-{place}") for place in range(20)]
    assert await write(store, *more, writer="x", number=1) == "written"
    left = [entry_id for entry_id, _ in await redis.xrange(store.keys.exposures)]
    assert read[-2][0] not in left
    assert len(left) >= stored - stored // 2 + len(more)


async def test_a_stream_that_nobody_reads_is_a_bounded_history(
    store: EventStore, redis: Client
) -> None:
    """No group: no controller, so nobody's evidence is lost when the oldest go."""
    for number in range(40):
        batch = [exposure(f"{number}-{place}") for place in range(10)]
        assert await write(store, *batch, number=number) == "written"
    assert await redis.memory_usage(store.keys.exposures) <= BOUND
    ((_, newest),) = await redis.xrevrange(store.keys.exposures, count=1)
    assert json.loads(newest[b"event"])["requestId"] == "39-9"
    assert await redis.xlen(store.keys.exposures) < 400
    assert "dropped" not in await store.counts("colours")


async def test_a_full_request_index_costs_the_feedback_but_not_the_exposure(redis: Client) -> None:
    store = store_of(redis, index_bytes=2**14)
    fates = [
        await write(store, exposure(f"r{number}"), number=number, window=3600)
        for number in range(60)
    ]
    joined = fates.count("written")
    assert fates == ["written"] * joined + ["unjoined"] * (60 - joined)
    assert 20 < joined < 60
    assert await redis.xlen(store.keys.exposures) == 60
    assert await store.models_of([f"r{joined - 1}", f"r{joined}"]) == ["leaf", None]
    counts = await store.counts("colours")
    assert (counts["exposures:leaf-1"], counts["unjoined"]) == ("60", str(60 - joined))
    # Bytes run out by Redis's clock: as if the window were over, they are given back.
    slots = await redis.hgetall(store.keys.index_bytes)
    await redis.delete(store.keys.index_bytes)
    over = {str(int(slot) - 8000): used for slot, used in slots.items()}
    await redis.hset(store.keys.index_bytes, mapping=over)
    assert await write(store, exposure("later"), number=60) == "written"
    assert len(await redis.hgetall(store.keys.index_bytes)) == 1


async def test_what_was_said_is_booked_and_refused_where_the_index_is_full(redis: Client) -> None:
    store = store_of(redis, max_bytes=2**24, index_bytes=2**14)
    names = [f"r{place}" for place in range(20)]
    assert await write(store, *map(exposure, names), window=3600) == "written"

    async def booked() -> int:
        return sum(map(int, (await redis.hgetall(store.keys.index_bytes)).values()))

    before = await booked()
    long = json.dumps("x" * 250).encode()
    one = Said(names[0], "label", long, 1.0)
    assert await store.record([one]) == [(200, 1.0, True)]
    marker = store.keys.outcome(names[0], "label")
    assert 0 < await redis.strlen(marker) < 64
    assert await booked() - before >= len(marker) + await redis.strlen(marker)
    # Hashed, the same is still the same and another is another.
    assert (await store.record([one]))[0].status == 200
    other = one._replace(value=json.dumps("x" * 249 + "y").encode())
    assert (await store.record([other]))[0].status == 409
    values: list[tuple[OutcomeKind, bytes]] = [
        ("label", long),
        ("score", b"1.0"),
        ("conversion", b"true"),
    ]
    rest = [Said(name, kind, value, 1.0) for name in names[1:] for kind, value in values]
    statuses = [result.status for result in await store.record(rest)]
    stored = statuses.count(200)
    assert 0 < stored < len(rest)
    assert statuses == [200] * stored + [503] * (len(rest) - stored)
    assert await redis.xlen(store.keys.outcomes) == 1 + stored
    assert await booked() <= 2**14


async def test_the_books_stay_short_however_outcomes_are_spread(redis: Client) -> None:
    store = store_of(redis, max_bytes=2**24)
    names = [f"r{place}" for place in range(400)]
    for place in range(0, 400, 50):
        batch = map(exposure, names[place : place + 50])
        assert await write(store, *batch, number=place) == "written"
    for place, name in enumerate(names):
        await redis.expire(store.keys.request(name), 1000 + 1499 * place)
    said = [Said(name, "score", b"1.0", 1.0) for name in names]
    assert [result.status for result in await store.record(said)] == [200] * len(names)
    assert len(await redis.hgetall(store.keys.index_bytes)) < 390


async def test_a_batch_that_cannot_be_written_is_not_written_by_halves(
    store: EventStore, redis: Client
) -> None:
    assert await write(store, exposure("r1"), exposure("r2"), window=1e12) == "dropped"
    assert not await redis.exists(store.keys.exposures)
    assert await store.counts("colours") == {"dropped": "2"}


async def test_losses_are_forgotten_as_counts_are(store: EventStore, redis: Client) -> None:
    await write(store, exposure("r1"), window=1e12)
    await write(store, exposure("r2"), number=1)
    lost, counts = [
        await redis.ttl(key) for key in (store.keys.dropped, store.keys.counts("colours"))
    ]
    assert 0 < lost <= counts


async def test_outcomes_are_refused_when_their_stream_is_full_of_unread(
    store: EventStore, redis: Client
) -> None:
    await redis.xgroup_create(store.keys.outcomes, READERS, id="0", mkstream=True)
    names = [f"r{place}" for place in range(200)]
    for place in range(0, 200, 50):
        await write(store, *map(exposure, names[place : place + 50]), number=place)
    said = [Said(name, "label", json.dumps("x" * 250).encode(), 1.0) for name in names]
    statuses = [result.status for result in await store.record(said)]
    stored = statuses.count(200)
    assert 0 < stored < 200
    assert statuses == [200] * stored + [503] * (200 - stored)
    assert await redis.xlen(store.keys.outcomes) == stored
    # What was refused was not taken: the same may come again once there is room.
    assert await redis.exists(store.keys.outcome(names[-1], "label")) == 0
    await redis.xgroup_setid(store.keys.outcomes, READERS, "$")
    assert (await store.record(said[-1:]))[0].status == 200


async def test_the_audit_is_told_newest_first(store: EventStore) -> None:
    for place in range(3):
        await store.add_audit(
            AuditEntry(
                time=float(place),
                actor="open",
                action="activate",
                subject="leaf/v2",
                request_id=f"r{place}",
                status=200,
                outcome="done",
            )
        )
    assert [entry.request_id for entry in await store.audit(2, lambda _: True)] == ["r2", "r1"]


async def test_the_audit_is_read_until_enough_is_found(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "AUDIT_PAGE", 2)
    line = {"actor": "a", "action": "activate", "subject": "s", "status": 200, "outcome": "done"}
    for place in range(7):
        told = {**line, "time": place, "requestId": f"r{place}", "model": f"m{place % 3}"}
        await store.add_audit(AuditEntry.model_validate(told))

    async def found(count: int) -> list[str]:
        entries = await store.audit(count, lambda entry: entry.model == "m0")
        return [entry.request_id for entry in entries]

    assert (await found(2), await found(9)) == (["r6", "r3"], ["r6", "r3", "r0"])


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, options="--maxmemory 3mb --maxmemory-policy noeviction")
    server.start()
    yield server
    server.stop()


async def test_a_full_redis_takes_nothing_by_halves(own_server: RedisServer) -> None:
    client = durable_redis(own_server.url)
    store = store_of(client, max_bytes=2**30)
    number = -1
    try:
        with contextlib.suppress(EventsDown):
            for number in range(100_000):
                batch = [exposure(f"{number}-{place}") for place in range(100)]
                await write(store, *batch, number=number)
        assert number < 99_999
        assert await client.xlen(store.keys.exposures) == number * 100
        assert (await store.counts("colours"))["exposures:leaf-1"] == str(number * 100)
        # What is too much for a batch may be enough for one outcome: Redis 6 counts another way than 7.
        await client.config_set("maxmemory", "2mb")
        with pytest.raises(EventsDown):
            await store.record([Said("0-0", "label", b'"x"', 1.0)])
        assert await client.exists(store.keys.outcome("0-0", "label")) == 0
        await client.config_set("maxmemory", "0")
        assert await write(store, exposure("again"), number=number) == "written"
        assert (await store.record([Said("0-0", "label", b'"x"', 1.0)]))[0].status == 200
    finally:
        await client.aclose()


async def test_a_killed_redis_keeps_what_it_took(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    client = durable_redis(server.url)
    store = store_of(client)
    try:
        await write(store, exposure("r1"))
        await store.record([Said("r1", "conversion", b"true", 1.0)])
        server.kill()
        with pytest.raises(EventsDown):
            await store.record([Said("r1", "label", b'"x"', 1.0)])
        server.start()
        (again,) = await store.record([Said("r1", "conversion", b"true", 2.0)])
        assert again == (200, 1.0, False)
        assert await client.xlen(store.keys.outcomes) == 1
    finally:
        await client.aclose()
        server.signal(signal.SIGCONT)
        server.stop()
