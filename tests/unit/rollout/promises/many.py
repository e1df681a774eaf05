"""The evidence of many rollouts at once: a second writing of ``trellis.rollout.evidence.ratios`` and
``shares``, held against them in ``test_same_code.py``.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tests.unit.rollout.promises.histories import Counts, Numbers

Vector = NDArray[np.float64]

_LARGEST, _ATOMS = 256.0, 129
_SHARES = 48
_FIRST_START, _FALLEN = 0.8, -4.0


class _Starts:
    """Evidence of harm, begun anew where it has fallen; one row a rollout."""

    def __init__(self, rollouts: int, atoms: int) -> None:
        self.gained = np.zeros((rollouts, atoms))
        self._number = np.zeros(rollouts, np.int64)
        self._spent = np.zeros(rollouts)
        self.log_value = np.zeros(rollouts)

    def note(self, rows: NDArray[np.intp]) -> None:
        """``gained`` has changed in these rows."""
        present = _log_mean(self.gained[rows], np.ones(self.gained.shape[1]))
        fallen = present <= _FALLEN
        gone = rows[fallen]
        self._spent[gone] += _weight(self._number[gone]) * np.exp(present[fallen])
        self._number[gone] += 1
        self.gained[gone] = 0.0
        number = self._number[rows]
        later = 1 - _FIRST_START
        to_come = np.where(number == 0, later, later / (number + 1))
        mine = np.log(_weight(number)) + np.where(fallen, 0.0, present)
        self.log_value[rows] = np.logaddexp(np.log(self._spent[rows] + to_come), mine)


class Many:
    """The ratio of both sides' rates."""

    def __init__(self, margin: float, rollouts: int) -> None:
        grid = np.geomspace(1 / _LARGEST, _LARGEST, _ATOMS)
        self._margin = margin
        self._above, self._below = grid[grid > margin], grid[grid < margin]
        self._harm = _Starts(rollouts, self._above.size)
        self._within = np.zeros((rollouts, self._below.size))
        self.log_within = np.zeros(rollouts)

    @property
    def log_harm(self) -> Vector:
        """Logarithms of the e-values against "at most the margin"."""
        return self._harm.log_value

    def add(self, counts: Counts) -> None:
        """One look of each rollout; the columns have one element a rollout."""
        canary, canary_events, stable, stable_events = counts
        told = (canary > 0) & (stable > 0) & (canary_events + stable_events > 0)
        (rows,) = np.nonzero(told)
        if not rows.size:
            return
        share = (canary[rows] / (canary[rows] + stable[rows]))[:, None]
        events = canary_events[rows][:, None], stable_events[rows][:, None]
        self._harm.gained[rows] += _gained(share, events, self._above, self._margin)
        self._harm.note(rows)
        self._within[rows] += _gained(share, events, self._below, self._margin)
        self.log_within[rows] = _log_mean(self._within[rows], self._below)


class ManyShares:
    """The share of the canary's requests that are events, against a share given beforehand."""

    def __init__(self, limit: float, rollouts: int) -> None:
        odds = np.linspace(math.log(limit / (1 - limit)), math.log(999), _SHARES + 1)[1:]
        above = 1 / (1 + np.exp(-odds))
        self._event, self._other = np.log(above / limit), np.log((1 - above) / (1 - limit))
        self._harm = _Starts(rollouts, _SHARES)

    @property
    def log_harm(self) -> Vector:
        """Logarithms of the e-values against "at most the limit"."""
        return self._harm.log_value

    def add(self, totals: Numbers, events: Numbers) -> None:
        """One look of each rollout."""
        others = totals - events
        self._harm.gained += events[:, None] * self._event + others[:, None] * self._other
        self._harm.note(np.arange(totals.size))


def _weight(starts: NDArray[np.int64]) -> Vector:
    later = (1 - _FIRST_START) / np.maximum(starts * (starts + 1), 1)
    return np.where(starts == 0, _FIRST_START, later)


def _gained(
    share: Vector,
    events: tuple[NDArray[np.int64], NDArray[np.int64]],
    ratios: Vector,
    margin: float,
) -> Vector:
    """Logarithms of the likelihood ratios of each of ``ratios`` to ``margin``."""
    whole = np.log((share * margin + 1 - share) / (share * ratios + 1 - share))
    canary_events, stable_events = events
    gained: Vector = canary_events * (np.log(ratios / margin) + whole) + stable_events * whole
    return gained


def _log_mean(logs: Vector, weights: Vector) -> Vector:
    top = logs.max(axis=1)
    mean = (np.exp(logs - top[:, None]) * weights).sum(axis=1) / weights.sum()
    found: Vector = top + np.log(mean)
    return found


class Highest:
    """The highest of each rollout's logarithms so far, and the first look at which each was over."""

    def __init__(self, rollouts: int, needed: float) -> None:
        self._needed = math.log(needed)
        self.logs = np.zeros(rollouts)
        self.first = np.zeros(rollouts, np.int64)

    def note(self, look: int, logs: Vector) -> None:
        """The values after a look; looks are numbered from 1."""
        self.logs = np.maximum(self.logs, logs)
        self.first[(self.first == 0) & (logs >= self._needed)] = look


def followed(columns: Counts, margin: float, needed: float) -> tuple[Highest, Highest]:
    """Harm and within, of columns of shape [rollout, look]."""
    rollouts, looks = columns.canary_totals.shape
    many = Many(margin, rollouts)
    harm, within = Highest(rollouts, needed), Highest(rollouts, needed)
    for look in range(looks):
        many.add(Counts(*(column[:, look] for column in columns)))
        harm.note(look + 1, many.log_harm)
        within.note(look + 1, many.log_within)
    return harm, within
