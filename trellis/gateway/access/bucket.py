"""One token bucket as a replica sees it: tokens it holds on lease, and what Redis had left. Pure.

Times are monotonic seconds of this process, given by the caller.
"""

import math
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

#: A block is what a key may ask in this many seconds, and at most this part of its burst.
BLOCK_SECONDS = 0.1
BLOCK_PART = 10
#: The slowest limit, a request in eleven days: of less no time could be told until the next.
LEAST_PER_SECOND = 1e-6


def _can_be_waited_for(per_second: float) -> float:
    if 0 < per_second < LEAST_PER_SECOND:
        msg = f"a rate is 0, for no limit, or at least {LEAST_PER_SECOND:g} a second"
        raise ValueError(msg)
    return per_second


PerSecond = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_can_be_waited_for)]


class Rate(NamedTuple):
    """``per_second`` tokens come back, up to ``burst`` whole ones."""

    per_second: float
    burst: int

    @property
    def block(self) -> int:
        """Tokens that a replica leases at a time."""
        return max(1, min(int(self.per_second * BLOCK_SECONDS), self.burst // BLOCK_PART))


class Lease(NamedTuple):
    """What Redis granted, in whole tokens, and what was left there."""

    granted: int
    left: float


class Bucket:
    """Decides from what it holds; else says how long to wait, or that Redis must be asked.

    What others leave in Redis can only be less than ``left`` and what came back since, so a
    refusal needs no question; a grant always comes from a lease.
    """

    __slots__ = ("_at", "_enough", "_left", "held", "rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self.held = 0.0
        # A block of one is leased when it is needed: held idle, it would be missed elsewhere.
        self._enough = rate.block / 2 if rate.block > 1 else 0.0
        self._left = float(rate.burst)
        self._at = now

    def take(self, cost: float) -> bool:
        """Take ``cost`` tokens if as many are held."""
        if cost > self.held:
            return False
        self.held -= cost
        return True

    def wait(self, cost: float, now: float) -> float:
        """Seconds until Redis can have what is missing for ``cost``; 0 where it may have it now."""
        missing = math.ceil(cost - self.held)
        return max(0.0, (missing - self._shared(now)) / self.rate.per_second)

    @property
    def low(self) -> bool:
        """Whether the next block should be on its way: less than half of one is left."""
        return self.held < self._enough

    def leased(self, lease: Lease, asked_at: float) -> None:
        """Note Redis' answer to a question that was sent at ``asked_at``."""
        self.held += lease.granted
        self._left = lease.left
        self._at = asked_at

    def remaining(self, now: float) -> tuple[int, int]:
        """Whole tokens here and in Redis, and seconds until all are; if no other replica asks."""
        per_second, burst = self.rate
        tokens = min(burst, self.held + self._shared(now))
        return int(tokens), math.ceil((burst - tokens) / per_second)

    def _shared(self, now: float) -> float:
        per_second, burst = self.rate
        return min(burst, self._left + (now - self._at) * per_second)
