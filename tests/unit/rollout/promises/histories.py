"""Invented counts that are looked at as often as anything new can be known.

A look in which one side had no request says nothing, so the finest looks end with the first request
by which both sides had one. Whoever looks after every single request sees no other evidence.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


class Counts(NamedTuple):
    """Requests and events of both sides; arrays of any shape that is the same for all four."""

    canary_totals: Numbers
    canary_events: Numbers
    stable_totals: Numbers
    stable_events: Numbers


def finest_looks(
    rollouts: int, looks: int, weights: Sequence[float], random: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """Requests of both sides, canary first, of shape [rollout, look]: ``looks`` at each weight."""
    canary, stable = [], []
    for weight in weights:
        share = weight / 100
        canary_first = random.random((rollouts, looks)) < share
        run = random.geometric(np.where(canary_first, 1 - share, share))
        canary.append(np.where(canary_first, run, 1))
        stable.append(np.where(canary_first, 1, run))
    return np.concatenate(canary, axis=1), np.concatenate(stable, axis=1)


def stable_rates(
    shape: tuple[int, int], rate: float, bad: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """Stable's rate of events by look: twenty times ``rate`` in a part ``bad`` of spells of 25."""
    spells = -(-shape[1] // 25)
    shaken = np.repeat(random.random((shape[0], spells)) < bad, 25, axis=1)[:, : shape[1]]
    return np.where(shaken, 20 * rate, rate)


def counted(
    totals: tuple[Numbers, Numbers],
    rates: NDArray[np.float64],
    ratio: float,
    random: np.random.Generator,
) -> Counts:
    """Events at stable's ``rates``, and at ``ratio`` times these on the canary."""
    canary, stable = totals
    return Counts(
        canary, random.binomial(canary, rates * ratio), stable, random.binomial(stable, rates)
    )
