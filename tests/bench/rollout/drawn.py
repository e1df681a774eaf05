"""Invented traffic for many rollouts at once, at one weight and with one error rate a side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

#: Seconds between two looks: the direct scrape's.
LOOK = 5
#: What the whole service answers.
REQUESTS_PER_SECOND = 20.0


@dataclass(frozen=True)
class Drawn:
    """Arrays [rollout, interval] of what came in each interval."""

    canary_totals: Counts
    canary_errors: Counts
    stable_totals: Counts
    stable_errors: Counts

    def every(self, looks: int) -> "Drawn":
        """The same traffic in intervals of so many looks; a rest at the end is left out."""
        whole = self.canary_totals.shape[1] // looks * looks
        parts = (
            part[:, :whole].reshape(len(part), -1, looks).sum(axis=2)
            for part in (
                self.canary_totals,
                self.canary_errors,
                self.stable_totals,
                self.stable_errors,
            )
        )
        return Drawn(*parts)


def draw(
    rollouts: int,
    minutes: int,
    weight: float,
    canary_rate: float,
    stable_rate: float,
    random: np.random.Generator,
    requests_per_second: float = REQUESTS_PER_SECOND,
    shock: tuple[float, float] = (0.0, 1.0),
) -> Drawn:
    """Looks of ``LOOK`` seconds with ``weight`` percent on the canary.

    ``shock``: the share of minutes in which both sides err so many times as often.
    """
    shape = (rollouts, minutes * 60 // LOOK)
    share, factor = shock
    shaken = np.repeat(random.random((rollouts, minutes)) < share, 60 // LOOK, axis=1)
    harder = np.where(shaken, factor, 1.0)
    totals = random.poisson(requests_per_second * LOOK, shape)
    canary = random.binomial(totals, weight / 100)
    stable = totals - canary
    return Drawn(
        canary,
        random.binomial(canary, np.minimum(1.0, canary_rate * harder)),
        stable,
        random.binomial(stable, np.minimum(1.0, stable_rate * harder)),
    )
