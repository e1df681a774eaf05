"""What gateways tell of an experiment's units, asked for and read; why it cannot be, in words."""

from dataclasses import dataclass

from trellis.rollout.events.store import EventsDown, FoldStore, News
from trellis.rollout.events.watch import Watch

NO_REDIS = "only gateways' events tell of units, and the controller has no Redis to read them from"


@dataclass(frozen=True)
class Told:
    """``news`` is None where nothing is counted or can be read; then ``trouble`` may say why. ``lost``:
    what was counted before is gone.
    """

    news: News | None = None
    trouble: str = ""
    lost: bool = False


class UnitCounts:
    """Over the durable Redis; without ``store`` there is none."""

    def __init__(self, store: FoldStore | None) -> None:
        self._store = store

    async def told(self, identity: str, after: int) -> Told:
        """Of what is counted as ``identity`` (empty: nothing), blocks with numbers over ``after``."""
        if self._store is None:
            return Told(trouble=NO_REDIS)
        try:
            if not identity:
                await self._store.names()  # whether it answers
                return Told()
            watch = await self._store.stored(identity)
            if watch is None:
                return Told(lost=True)
            return Told(await self._store.news(watch, after))
        except EventsDown as error:
            return Told(trouble=str(error))

    async def expect(self, watch: Watch) -> str:
        """Have it counted from now on; the sentence where it cannot be."""
        if self._store is None:
            return NO_REDIS
        try:
            await self._store.expect(watch)
        except EventsDown as error:
            return str(error)
        return ""

    async def stored(self, identity: str, up_to: int) -> None:
        """The evidence of all blocks up to this number is safe elsewhere."""
        if self._store is None or not identity:
            return
        try:
            await self._store.forget(identity, up_to)
        except EventsDown:
            return  # it is told again, and known by its number
