"""Watches that nobody reads any more are dropped, those in use and others' never."""

from tests.integration.rollout.events.conftest import Stand
from tests.unit.rollout.events.events import watch_of
from trellis.rollout.events.leftovers import UNUSED_SECONDS, Leftovers

USED, OVER, FOREIGN = "experiment/shop/a/1", "experiment/shop/b/1", "experiment/farm/a/1"


async def test_what_stays_unused_is_dropped(stand: Stand) -> None:
    for name in (USED, OVER, FOREIGN):
        await stand.store.watch(watch_of(name=name))
    leftovers = Leftovers(stand.store, lambda name: "/shop/" in name)
    await leftovers.sweep({USED}, 0.0)
    await leftovers.sweep({USED}, UNUSED_SECONDS - 1)
    assert await stand.store.names() == {USED, OVER, FOREIGN}
    await leftovers.sweep({USED}, UNUSED_SECONDS)
    assert await stand.store.names() == {USED, FOREIGN}
    assert not await stand.redis.exists(stand.store.keys.state(OVER))


async def test_what_is_used_in_between_begins_its_time_anew(stand: Stand) -> None:
    await stand.store.watch(watch_of(name=OVER))
    leftovers = Leftovers(stand.store, lambda _: True)
    await leftovers.sweep(set(), 0.0)
    await leftovers.sweep({OVER}, UNUSED_SECONDS / 2)
    await leftovers.sweep(set(), UNUSED_SECONDS)
    assert await stand.store.names() == {OVER}


async def test_all_of_a_resource_that_cannot_be_told_apart_are_kept(stand: Stand) -> None:
    near = "experiment/shop/apple/1"
    for name in (USED, near):
        await stand.store.watch(watch_of(name=name))
    leftovers = Leftovers(stand.store, lambda _: True)
    await leftovers.sweep({"experiment/shop/a/"}, 0.0)
    await leftovers.sweep({"experiment/shop/a/"}, UNUSED_SECONDS)
    assert await stand.store.names() == {USED}
