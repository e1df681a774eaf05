"""Watches that nobody reads any more: of trials that ended, of resources that are gone, and of a
controller that died before it had written down what it began.
"""

from collections.abc import Callable, Collection

from trellis.rollout.events.store import FoldStore

#: Seconds for which a watch stays unused before it is dropped: another controller may know of it what
#: this one has not heard yet.
UNUSED_SECONDS = 600.0


class Leftovers:
    """``mine`` says of a watch's name whether its resource is one that this process would know of."""

    def __init__(self, store: FoldStore, mine: Callable[[str], bool]) -> None:
        self._store, self._mine = store, mine
        self._unused: dict[str, float] = {}

    async def sweep(self, in_use: Collection[str], now: float) -> None:
        """Drop what was in use at none of the looks of the last ``UNUSED_SECONDS``; ``now`` in seconds, of
        any clock that does not go back. A name ``in_use`` that ends in ``/`` is of all that begin so.

        Not to be called while what is in use is known from before only. Raises ``EventsDown``.
        """
        found = {name for name in await self._store.names() if self._mine(name)}
        unused = {name for name in found if not {name, _beginning(name)} & set(in_use)}
        self._unused = {name: self._unused.get(name, now) for name in unused}
        for name, since in list(self._unused.items()):
            if now - since >= UNUSED_SECONDS:
                await self._store.drop(name)
                del self._unused[name]


def _beginning(name: str) -> str:
    return name.rpartition("/")[0] + "/"
