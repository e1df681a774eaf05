"""What experiments' units are counted by, asked for by several controllers."""

from typing import cast

from tests.unit.rollout.events.events import watch_of
from trellis.rollout.cluster.counts import HeardCounts
from trellis.rollout.events.store import EventsDown, FoldStore
from trellis.rollout.events.watch import Watch


class Asked:
    """The shares that were asked for, in turn."""

    def __init__(self) -> None:
        self.shares: list[dict[str, float]] = []
        self.down = False

    async def expect(self, watch: Watch) -> None:
        if self.down:
            raise EventsDown("away")
        self.shares.append(watch.shares)


async def test_old_shares_are_not_asked_for_again_by_one_that_does_not_hear() -> None:
    asked, heard = Asked(), [True]
    counts = HeardCounts(cast("FoldStore", asked), lambda: heard[0])
    old = watch_of()
    new = old.model_copy(update={"shares": dict.fromkeys(old.shares, 0.25)})
    assert await counts.expect(old) == ""
    assert await counts.expect(old) == ""
    heard[0] = False
    assert await counts.expect(old.model_copy(update={"since": 9.0})) == ""
    assert asked.shares == [old.shares] * 2
    # What it decides itself has to be counted, and what was not taken is asked for again.
    asked.down = True
    assert "away" in await counts.expect(new)
    asked.down = False
    assert await counts.expect(new) == ""
    assert await counts.expect(new) == ""
    assert asked.shares == [old.shares, old.shares, new.shares]
