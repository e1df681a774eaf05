"""What is counted follows from what was counted before, whoever asks for it."""

import asyncio

import orjson

from tests.integration.rollout.events.conftest import Stand
from tests.unit.rollout.events.events import watch_of
from trellis.rollout.events.store import FoldStore

NAME = watch_of().name


async def test_the_same_again_is_the_same_era_and_other_shares_are_another(stand: Stand) -> None:
    for canary, era in ((0.5, 0), (0.5, 0), (0.2, 1), (0.2, 1), (0.5, 2)):
        await stand.store.expect(watch_of(canary=canary, era=7))
        stored = await stand.store.stored(NAME)
        assert stored is not None
        assert (stored.era, stored.shares["leaf-2"]) == (era, canary)


async def test_two_at_once_with_different_shares_make_two_eras(stand: Stand) -> None:
    other = FoldStore(stand.redis, stand.prefix)
    await stand.store.expect(watch_of(canary=0.5))
    wanted = [watch_of(canary=canary) for canary in (0.1, 0.2, 0.3, 0.4)]
    places = (stand.store, other, stand.store, other)
    await asyncio.gather(*(store.expect(one) for store, one in zip(places, wanted, strict=True)))
    stored = await stand.store.stored(NAME)
    assert stored is not None
    assert stored.era == 4


async def test_an_era_that_is_there_is_not_replaced(stand: Stand) -> None:
    assert await stand.store.watch(watch_of(era=3))
    assert await stand.store.watch(watch_of(era=3))
    assert not await stand.store.watch(watch_of(era=3, canary=0.1))
    assert not await stand.store.watch(watch_of(era=2))
    assert await stand.store.watch(watch_of(era=4, canary=0.1))
    await stand.redis.hset(stand.store.keys.watches, NAME, orjson.dumps({"era": "?"}))
    assert await stand.store.watch(watch_of(era=0))
