"""The group's readers on real Redis: each entry once, whoever reads and whenever one dies."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.redis_server import RedisServer
from tests.integration.rollout.events.conftest import Stand
from tests.unit.rollout.events.events import CONVERSIONS, ERRORS, LABELS, met, watch_of
from trellis.contracts.rollout import Guardrail
from trellis.gateway.events.store import Said
from trellis.gateway.redis_clients import durable_redis
from trellis.rollout.events import reader as reader_module
from trellis.rollout.events.blocks import UNITS, Block
from trellis.rollout.events.fold import Fold
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import EventsDown, Fate, FoldStore, Loaded, Unreadable
from trellis.rollout.events.trial import TrialEvents
from trellis.rollout.metrics.snapshot import Side

WATCH = watch_of(count_units=True)


async def read_all(reader: EventReader, now: float = 0.0) -> None:
    while await reader.step(now):
        pass


def counted(blocks: tuple[Block, ...], measure: str = "errors") -> dict[str, tuple[float, ...]]:
    """Sums over blocks, by side."""
    sums: dict[str, tuple[float, ...]] = {}
    for block in blocks:
        for side, values in block.tallies.get(measure, {}).items():
            so_far = sums.get(side, (0.0,) * len(values))
            sums[side] = tuple(a + b for a, b in zip(so_far, values, strict=True))
    return sums


async def test_what_gateways_wrote_becomes_blocks_and_is_acknowledged(stand: Stand) -> None:
    await stand.store.watch(WATCH)
    await stand.write(*(met(n, f"leaf-{1 + n % 2}", code=500 if n < 3 else 200) for n in range(40)))
    await read_all(stand.reader())
    news = await stand.store.news(WATCH, 0)
    assert counted(news.blocks) == {"stable": (20, 2), "canary": (20, 1)}
    assert counted(news.blocks, UNITS) == {"stable": (20,), "canary": (20,)}
    assert news.exposures == {"stable": 20, "canary": 20}
    assert news.incomplete == ""
    assert await stand.unacknowledged() == 0


async def test_what_the_reader_has_stored_is_let_go_and_numbers_go_on(stand: Stand) -> None:
    await stand.store.watch(WATCH)
    await stand.write(*(met(n) for n in range(30)))
    await read_all(stand.reader())
    first = (await stand.store.news(WATCH, 0)).blocks
    assert (await stand.store.news(WATCH, first[-1].seq)).blocks == ()
    await stand.store.forget(WATCH.name, first[-1].seq)
    assert (await stand.store.news(WATCH, 0)).blocks == ()
    await stand.write(*(met(n) for n in range(100, 130)))
    await read_all(stand.reader())
    assert (await stand.store.news(WATCH, 0)).blocks[0].seq == first[-1].seq + 1


async def test_feedback_ripens_when_its_window_is_over(stand: Stand) -> None:
    watch = watch_of(CONVERSIONS, LABELS)
    await stand.store.watch(watch)
    await stand.write(
        *(met(n, request_id=f"r{n}", predicted="cat" if n % 3 else "dog") for n in range(60))
    )
    await stand.feed_back(
        *(Said(f"r{n}", "conversion", b"true", 50.0) for n in range(10)),
        *(Said(f"r{n}", "label", b'"cat"', 50.0) for n in range(40)),
    )
    reader = stand.reader()
    await read_all(reader, now=104.0)
    assert counted((await stand.store.news(watch, 0)).blocks, "conversions") == {}
    await read_all(reader, now=105.0)
    blocks = (await stand.store.news(watch, 0)).blocks
    assert counted(blocks, "conversions") == {"canary": (60, 10)}
    assert counted(blocks, "wrongLabels") == {"canary": (40, 14)}
    assert await stand.redis.zcard(stand.store.keys.ripening(watch.name)) == 0


async def test_two_readers_at_once_count_each_entry_once(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "AT_ONCE", 7)
    await stand.store.watch(WATCH)
    for start in range(0, 600, 50):
        await stand.write(
            *(met(n, code=500 if n % 5 == 0 else 200) for n in range(start, start + 50))
        )
    await asyncio.gather(read_all(stand.reader("one")), read_all(stand.reader("two")))
    await read_all(stand.reader("one"))
    news = await stand.store.news(WATCH, 0)
    state = await stand.store.load(WATCH.name, ())
    waiting = [one for one in state.state.active.values() if "errors" not in one.before]
    errors = sum("errors" in one.now for one in waiting)
    assert counted(news.blocks) == {"canary": (600 - len(waiting), 120 - errors)}
    assert news.exposures == {"canary": 600}
    assert await stand.unacknowledged() == 0


async def test_a_reader_that_died_over_its_entries_is_followed_by_another(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.store.watch(WATCH)
    await stand.write(*(met(n) for n in range(20)))

    async def dies(*_arguments: object) -> Fate:
        raise EventsDown("killed before it committed")

    dying = stand.reader("dies")
    with monkeypatch.context() as patched:
        patched.setattr(stand.store, "commit", dies)
        with pytest.raises(EventsDown):
            await dying.step(0)
    assert await stand.unacknowledged() == 20
    await read_all(stand.reader("too early"))
    assert (await stand.store.news(WATCH, 0)).exposures == {}
    monkeypatch.setattr(reader_module, "TAKEN_OVER_MS", 0)
    await read_all(stand.reader("follows"))
    assert (await stand.store.news(WATCH, 0)).exposures == {"canary": 20}
    assert await stand.unacknowledged() == 0


async def test_the_same_reader_finds_what_it_left(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the commit was lost before Redis, or its answer after."""
    await stand.store.watch(WATCH)
    real = stand.store.commit
    for number, lost_after in enumerate((False, True)):
        await stand.write(*(met(100 * number + n) for n in range(20)))

        async def fails(*arguments: object, after: bool = lost_after) -> Fate:
            if after:
                await real(*arguments)  # type: ignore[arg-type]  # passed on as they came
            raise EventsDown("the connection broke")

        reader = stand.reader("restarted")
        with monkeypatch.context() as patched:
            patched.setattr(stand.store, "commit", fails)
            with pytest.raises(EventsDown):
                await reader.step(0)
        await read_all(stand.reader("restarted"))
        assert (await stand.store.news(WATCH, 0)).exposures == {"canary": 20 * (number + 1)}


async def test_own_entries_are_read_again_after_a_failure_before_windows_are_counted(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watch_of(CONVERSIONS)
    await stand.store.watch(watch)
    await stand.write(*(met(n, request_id=f"r{n}") for n in range(20)))
    reader = stand.reader()
    await read_all(reader)
    await stand.feed_back(*(Said(f"r{n}", "conversion", b"true", 50.0) for n in range(20)))

    async def fails(*_arguments: object) -> Loaded:
        raise EventsDown("the connection broke")

    with monkeypatch.context() as patched:
        patched.setattr(stand.store, "load", fails)
        with pytest.raises(EventsDown):
            await reader.step(0)
    await read_all(reader, now=105.0)
    blocks = (await stand.store.news(watch, 0)).blocks
    assert counted(blocks, "conversions") == {"canary": (20, 20)}
    assert await stand.unacknowledged() == 0


@pytest.mark.parametrize("part", ["state", "unit", "watch"])
async def test_a_watch_that_cannot_be_read_is_blind_and_holds_up_no_other(
    stand: Stand, part: str
) -> None:
    damaged, well = (watch_of(CONVERSIONS, name=name) for name in ("damaged", "well"))
    keys, reader = stand.store.keys, stand.reader()
    for watch in (damaged, well):
        await stand.store.watch(watch)
    await stand.write(*(met(n, request_id=f"r{n}") for n in range(20)))
    await read_all(reader)
    if part == "state":
        await stand.redis.hset(keys.state("damaged"), "body", '{"newer": true}')
    elif part == "unit":
        await stand.redis.hset(keys.units("damaged"), f"{0:016x}", "[1,")
    else:
        await stand.redis.hset(keys.watches, "damaged", '{"name": "damaged", "newer": true}')
    await stand.write(*(met(n, time=1.0) for n in range(30)))
    await read_all(reader, now=105.0)
    assert await stand.unacknowledged() == 0
    assert counted((await stand.store.news(well, 0)).blocks, "conversions") == {"canary": (20, 0)}
    if part == "unit":
        with pytest.raises(Unreadable):
            await stand.store.load("damaged", [f"{0:016x}"])
        assert (await stand.store.news(well, 0)).incomplete == ""
    rails = ERRORS, CONVERSIONS, Guardrail(metric="restarts")
    for by_unit, blind in ((False, {"conversions"}), (True, {"conversions", "errors"})):
        news = await TrialEvents(stand.store).news("damaged", 0, rails, by_unit=by_unit)
        assert set(news.looks[-1].blind) == (blind if part != "unit" else {"conversions"})
        assert "a newer controller wrote it" in news.looks[-1].blind["conversions"]


async def test_a_watch_that_cannot_be_folded_holds_up_no_other(stand: Stand) -> None:
    odd, well = (watch_of(CONVERSIONS, name=name) for name in ("odd", "well"))
    reader = stand.reader()
    for watch in (odd, well):
        await stand.store.watch(watch)
    await stand.write(*(met(n, request_id=f"r{n}") for n in range(20)))
    await read_all(reader)
    # What is counted as pairs is to be counted as triples: none of the errors that anybody expects.
    state = (await stand.store.load("odd", ())).state
    state.open[1] = {"conversions": {"canary": (1.0, 2.0, 3.0)}}
    await stand.redis.hset(stand.store.keys.state("odd"), "body", state.to_json())
    await stand.write(*(met(n, time=1.0) for n in range(30, 50)))
    await read_all(reader, now=200.0)
    assert await stand.unacknowledged() == 0
    news = await stand.store.news(well, 0)
    assert counted(news.blocks, "conversions") == {"canary": (40, 0)}
    assert news.incomplete == ""
    assert (await stand.store.news(odd, 0)).passed_over


async def test_requests_that_are_over_leave_redis(stand: Stand) -> None:
    watch = watch_of(CONVERSIONS, split="request")
    await stand.store.watch(watch)
    await stand.write(
        *(met(n, "leaf-predictor", revision="leaf-2", request_id=f"r{n}") for n in range(40))
    )
    await read_all(stand.reader(), now=110.0)
    keys = stand.store.keys
    assert await stand.redis.hlen(keys.units(watch.name)) == 40
    await read_all(stand.reader(), now=1000.0)
    assert await stand.redis.exists(keys.units(watch.name), keys.ripening(watch.name)) == 0
    assert (await stand.store.load(watch.name, ())).state.remembered == 0
    assert counted((await stand.store.news(watch, 0)).blocks, "conversions") == {"canary": (40, 0)}


async def test_of_each_rollout_the_newest_trial_alone_is_kept_at_hand(stand: Stand) -> None:
    trials = TrialEvents(stand.store)
    sides: dict[str, Side] = {"leaf-1": "stable", "leaf-2": "canary"}
    names = [f"rollout/default/{name}/{began}" for name in ("leaf", "root") for began in range(20)]
    for name in names:
        shares = {"leaf-1": 0.9, "leaf-2": 0.1}
        await trials.expect(name, "leaf", sides, shares, (CONVERSIONS,), by_unit=True)
    assert len(trials._watches) == 2
    older = await trials.news(names[0], 7, (CONVERSIONS,), by_unit=True)
    assert (older.looks, older.reached) == ((), 7)


async def test_behind_one_host_only_outcomes_are_counted_and_by_request(stand: Stand) -> None:
    rails = ERRORS, CONVERSIONS
    trials = TrialEvents(stand.store, clock=lambda: 100.0)
    sides: dict[str, Side] = {"leaf-1": "stable", "leaf-2": "canary"}
    shares = {"leaf-1": 0.9, "leaf-2": 0.1}
    await trials.expect("errors", "leaf", sides, shares, (ERRORS,), by_unit=False)
    assert await stand.store.watches() == ()
    for share in (0.1, 0.1, 0.2):
        shares = {"leaf-1": 1 - share, "leaf-2": share}
        await trials.expect("both", "leaf", sides, shares, rails, by_unit=False)
    (watch,) = await stand.store.watches()
    assert [measure.name for measure in watch.measures] == ["conversions"]
    assert (watch.era, watch.split, watch.since) == (1, "request", 103.0)
    events = [
        met(n, "leaf-predictor", time, request_id=f"{n}:{time}", revision=f"leaf-{1 + n % 2}")
        for n in range(40)
        for time in (50.0, 110.0)
    ]
    await stand.write(*events)
    await read_all(stand.reader(), now=1000.0)
    news = await trials.news("both", 0, rails, by_unit=False)
    totals = [look.canary.counts["conversions"].total for look in news.looks if look.canary.counts]
    assert sum(totals) == 20


async def test_a_slow_reader_whose_entries_were_taken_over_counts_nothing(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.store.watch(WATCH)
    await stand.write(*(met(n) for n in range(20)))
    real, fates = stand.store.commit, list[Fate]()

    async def late(
        consumer: str,
        ids: tuple[list[str], list[str]],
        folds: dict[str, tuple[Loaded, Fold]],
    ) -> Fate:
        if consumer == "slow":
            with monkeypatch.context() as patched:
                patched.setattr(reader_module, "TAKEN_OVER_MS", 0)
                await read_all(stand.reader("quick"))
            # However much was changed since, its entries alone betray it.
            folds = {
                name: (loaded._replace(version=(await stand.store.load(name, ())).version), folded)
                for name, (loaded, folded) in folds.items()
            }
        fates.append(await real(consumer, ids, folds))
        return fates[-1]

    monkeypatch.setattr(stand.store, "commit", late)
    slow = stand.reader("slow")
    await slow.step(0)
    assert fates == ["done", "moved"]
    await read_all(slow)
    assert (await stand.store.news(WATCH, 0)).exposures == {"canary": 20}


async def test_a_change_in_between_is_folded_upon(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.store.watch(WATCH)
    await stand.write(*(met(n) for n in range(20)))
    await stand.write(*(met(n) for n in range(100, 120)))
    monkeypatch.setattr(reader_module, "AT_ONCE", 20)
    real, fates = stand.store.commit, list[Fate]()

    async def interleaved(
        consumer: str,
        ids: tuple[list[str], list[str]],
        folds: dict[str, tuple[Loaded, Fold]],
    ) -> Fate:
        if not fates:
            fates.append("done")
            await stand.reader("other").step(0)
        fates.append(await real(consumer, ids, folds))
        return fates[-1]

    monkeypatch.setattr(stand.store, "commit", interleaved)
    await read_all(stand.reader("one"))
    assert "changed" in fates
    assert (await stand.store.news(WATCH, 0)).exposures == {"canary": 40}


async def test_entries_that_nobody_can_read_are_passed_over(stand: Stand) -> None:
    await stand.store.watch(WATCH)
    await stand.redis.xadd(stand.store.keys.exposures, {"event": "no JSON"})
    await stand.redis.xadd(stand.store.keys.outcomes, {"another": "field"})
    await stand.redis.hset(stand.store.keys.watches, "newer", json.dumps({"name": "newer"}))
    await stand.write(met(1))
    await read_all(stand.reader())
    assert await stand.unacknowledged() == 0
    assert (await stand.store.news(WATCH, 0)).exposures == {"canary": 1}


async def test_what_was_lost_is_told(stand: Stand) -> None:
    watch = watch_of(experiment="colours")
    lost = {"experiment:colours": 3, "joins:experiment:colours": 2, "model:leaf": 9}
    await stand.redis.hset(stand.store.keys.dropped, mapping=lost)
    news = await stand.store.news(watch, 0)
    assert (news.dropped, news.unjoined) == (3, 2)
    assert "3 exposures were not stored and 2 can get no outcome" in news.incomplete
    assert (await stand.store.news(watch_of(), 0)).dropped == 9


async def test_what_was_lost_before_the_watch_began_is_not_its_loss(stand: Stand) -> None:
    watch, dropped = watch_of(), stand.store.keys.dropped
    await stand.redis.hset(dropped, mapping={"model:leaf": 9, "joins:model:leaf": 2})
    await stand.store.watch(watch)
    assert (await stand.store.news(watch, 0)).incomplete == ""
    await stand.redis.hincrby(dropped, "model:leaf", 3)
    await stand.store.watch(watch.model_copy(update={"era": 2}))
    news = await stand.store.news(watch, 0)
    assert (news.dropped, news.unjoined) == (3, 0)


async def test_a_watch_that_is_dropped_leaves_nothing(stand: Stand) -> None:
    watch = watch_of(ERRORS, CONVERSIONS)
    await stand.store.watch(watch)
    await stand.write(*(met(n) for n in range(30)))
    await read_all(stand.reader())
    await stand.store.drop(watch.name)
    assert await stand.store.watches() == ()
    assert await stand.redis.keys(f"{stand.prefix}*watch*") == []


async def test_a_redis_that_was_emptied_is_read_from_its_beginning(stand: Stand) -> None:
    await stand.store.watch(WATCH)
    reader = stand.reader()
    await read_all(reader)
    await stand.redis.flushdb()
    await stand.store.watch(WATCH)
    await stand.write(*(met(n) for n in range(20)))
    await read_all(reader)
    assert (await stand.store.news(WATCH, 0)).exposures == {"canary": 20}


async def test_readers_that_are_long_gone_are_forgotten(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.store.watch(WATCH)
    await stand.write(met(1))
    await read_all(stand.reader("gone"))
    monkeypatch.setattr(reader_module, "FORGOTTEN_MS", -1)
    await read_all(stand.reader("here"))
    consumers = await stand.redis.xinfo_consumers(stand.store.keys.exposures, "controller")
    assert b"gone" not in {consumer["name"] for consumer in consumers}


async def test_a_full_redis_still_lets_the_reader_make_room(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, options="--maxmemory 8mb --maxmemory-policy noeviction")
    server.start()
    client = durable_redis(server.url)
    try:
        stand = Stand(client)
        await stand.store.watch(WATCH)
        await stand.write(*(met(n) for n in range(20)))
        used = (await client.info("memory"))["used_memory"]
        await client.config_set("maxmemory", used // 2)
        with pytest.raises(EventsDown):
            await stand.store.watch(WATCH)
        await client.config_set("maxmemory", "8mb")
        reader = stand.reader()
        await reader._read()  # makes the group, which a full Redis could not
        await client.config_set("maxmemory", used // 2)
        await read_all(stand.reader())
        assert (await stand.store.news(WATCH, 0)).exposures == {"canary": 20}
    finally:
        await client.aclose()
        server.stop()


async def test_without_redis_there_are_words(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    client = durable_redis(server.url)
    store = FoldStore(client, "p")
    await store.watch(WATCH)
    server.kill()
    with pytest.raises(EventsDown, match="events' Redis does not answer"):
        await EventReader(client, store, "one").step(0)
    await client.aclose()
