"""The share of one side's requests that are events, against a share given beforehand.

For latency with a ``limit`` and for ``negligible``: Bernoulli likelihood ratios against the share
``L``, mixed over a grid of shares,

    harm    sum_(q > L) pi(q) (q / L)^k ((1 - q) / (1 - L))^(n - k)     against "at most L"
    within  sum_(q < L) pi(q) (q / L)^k ((1 - q) / (1 - L))^(n - k)     against "at least L"

where every request, given the past, is an event with a probability on that side of ``L``; it may
change from request to request (Robbins 1970; Howard et al. 2021, 1810.08240, lemma 2, eq. (13), here
over a grid; Waudby-Smith and Ramdas, 2010.09686, for means of anything between 0 and 1). Of units that return a trial is
the visit of one at risk: its first event in that look, given that it had none before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Self

import numpy as np

from trellis.rollout.evidence.mixtures import Vector, log_mixture, normalised
from trellis.rollout.evidence.renewal import Renewal
from trellis.rollout.evidence.tallies import NOTHING
from trellis.rollout.looks import Count

_ATOMS = 48
_LOWEST = 64.0


@dataclass(frozen=True)
class _Limit:
    """Per event and per other request, what the likelihood ratio of each atom gains."""

    event_above: Vector
    other_above: Vector
    event_below: Vector
    other_below: Vector
    log_prior: Vector  # uniform over the atoms, whose spacing is the prior


@lru_cache(maxsize=256)
def _limit(share: float) -> _Limit:
    """Atoms above are even in log-odds up to 0.999, below in the logarithm down to a 64th."""
    if not 0 < share < 0.99:
        raise ValueError(f"share: {share} must lie between 0 and 0.99")
    odds = np.linspace(math.log(share / (1 - share)), math.log(999), _ATOMS + 1)[1:]
    above = 1 / (1 + np.exp(-odds))
    below = share * np.exp(-np.linspace(0, math.log(_LOWEST), _ATOMS + 1)[1:])
    return _Limit(
        event_above=np.log(above / share),
        other_above=np.log1p(-above) - math.log1p(-share),
        event_below=np.log(below / share),
        other_below=np.log1p(-below) - math.log1p(-share),
        log_prior=normalised(np.zeros(_ATOMS)),
    )


@dataclass(frozen=True)
class ShareEvidence:
    """Counts so far, and those at which harm was last begun anew (``Renewal``)."""

    limit: float
    events: float = 0.0
    total: float = 0.0
    since: Count = NOTHING
    renewal: Renewal = field(default_factory=Renewal)

    def add(self, count: Count) -> Self:
        """One look at the side."""
        events, total = self.events + count.events, self.total + count.total
        added = type(self)(self.limit, events, total, self.since, self.renewal)
        if not self.renewal.due(added.log_present):
            return added
        renewal = self.renewal.renewed(added.log_present)
        return type(self)(self.limit, events, total, Count(events, total), renewal)

    @cached_property
    def log_present(self) -> float:
        """The logarithm of harm's e-value since it was last begun."""
        limit = _limit(self.limit)
        events = self.events - self.since.events
        others = self.total - self.since.total - events
        return log_mixture(events * limit.event_above + others * limit.other_above, limit.log_prior)

    @property
    def log_harm(self) -> float:
        """The logarithm of the e-value against "the share is at most the limit"."""
        return self.renewal.log_value(self.log_present)

    @property
    def log_within(self) -> float:
        """The logarithm of the e-value against "the share is at least the limit"."""
        limit = _limit(self.limit)
        others = self.total - self.events
        gained = self.events * limit.event_below + others * limit.other_below
        return log_mixture(gained, limit.log_prior)

    def to_state(self) -> list[float]:
        """Six numbers."""
        return [self.events, self.total, *self.since, self.renewal.number, self.renewal.spent]

    def restored(self, state: Sequence[float]) -> Self:
        """Of the same limit. Raises ``ValueError`` where these are not six numbers."""
        events, total, since_events, since_total, number, spent = state
        return replace(
            self,
            events=float(events),
            total=float(total),
            since=Count(float(since_events), float(since_total)),
            renewal=Renewal.from_state((number, spent)),
        )
