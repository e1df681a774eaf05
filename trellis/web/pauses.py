"""How long to wait between attempts: doubled each time, with jitter, up to a bound."""

import random
from typing import NamedTuple


class Pauses(NamedTuple):
    """Seconds: the longest first pause, and the longest of all; ``least`` is the part of a bound
    that is always waited, 0 for full jitter.
    """

    first: float
    longest: float
    least: float = 0.5

    def after(self, attempt: int) -> float:
        """The pause after the ``attempt``-th failure, counted from 1."""
        doubled: float = self.first * 2 ** min(attempt - 1, 32)
        return min(self.longest, doubled) * random.uniform(self.least, 1)
