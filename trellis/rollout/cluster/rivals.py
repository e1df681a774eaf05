"""When to give way to controllers that make another table of the same world, as one of another version does."""

import asyncio

#: After more writes over others' tables within so many seconds, those are followed for some.
MOST_OVERWRITES, FIGHT_SECONDS, YIELD_SECONDS = 3, 60.0, 30.0


class Rivals:
    """What was written over others' tables lately, and until when they are followed."""

    def __init__(self) -> None:
        self._overwrites: list[float] = []
        self._until = 0.0

    @property
    def lead(self) -> bool:
        """Whether theirs is followed now."""
        return asyncio.get_running_loop().time() < self._until

    def agreed(self) -> None:
        """They made the same table."""
        self._overwrites.clear()

    def overwritten(self) -> None:
        """Theirs is about to be written over."""
        now = asyncio.get_running_loop().time()
        self._overwrites = [then for then in self._overwrites if now - then < FIGHT_SECONDS]
        self._overwrites.append(now)
        if len(self._overwrites) > MOST_OVERWRITES:
            self._until = now + YIELD_SECONDS
