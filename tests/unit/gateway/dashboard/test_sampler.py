import asyncio

import pytest

from tests.unit.gateway.dashboard.snapshots import snapshot
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.errors import Overloaded


class Looks:
    """Counts looks; each waits until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()

    async def look(self) -> Snapshot:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        return snapshot(number)


async def test_all_who_ask_at_once_share_one_look() -> None:
    looks = Looks()
    sampler = Sampler(looks.look, every=60)
    asked = [asyncio.create_task(sampler.latest()) for _ in range(20)]
    await asyncio.sleep(0)
    looks.go.set()
    assert {found.number for found in await asyncio.gather(*asked)} == {1}
    assert (await sampler.latest()).number == 1


async def test_a_look_that_is_old_is_taken_anew() -> None:
    looks = Looks()
    looks.go.set()
    sampler = Sampler(looks.look, every=0)
    assert (await sampler.latest()).number == 1
    assert (await sampler.latest()).number == 2


async def test_after_an_action_a_look_that_had_begun_is_not_enough() -> None:
    looks = Looks()
    sampler = Sampler(looks.look, every=60)
    before = asyncio.create_task(sampler.latest())
    await asyncio.sleep(0)
    after = asyncio.create_task(sampler.fresh())
    await asyncio.sleep(0)
    looks.go.set()
    assert (await before).number == 1
    assert (await after).number == 2


async def test_a_viewer_who_leaves_does_not_end_the_look_for_others() -> None:
    looks = Looks()
    sampler = Sampler(looks.look, every=60)
    leaving, staying = (asyncio.create_task(sampler.latest()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    looks.go.set()
    assert (await staying).number == 1


async def test_a_look_that_fails_is_not_kept() -> None:
    async def broken() -> Snapshot:
        raise RuntimeError("broken")

    sampler = Sampler(broken, every=60)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await sampler.latest()


async def test_viewers_are_bounded_and_make_room_when_they_leave() -> None:
    sampler = Sampler(Looks().look, every=60, most_viewers=2)
    with sampler.viewer():
        sampler.check_room()
        with sampler.viewer(), pytest.raises(Overloaded):
            sampler.check_room()
        sampler.check_room()
    assert sampler.viewers == 0
