"""One look at the counters of both sides: what happened since the look before. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Count(NamedTuple):
    """``events`` among ``total`` requests, units, or seconds of running pods."""

    events: float
    total: float


class Moments(NamedTuple):
    """Number, sum and sum of squares of a metric's values."""

    number: float
    total: float
    squares: float


@dataclass(frozen=True)
class SideLook:
    """One side, by the guardrail's name: counted metrics in ``counts``, means in ``moments``."""

    counts: Mapping[str, Count] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """Both sides between two moments at one constant weight.

    ``stream``: ``requests`` were split one by one; ``units`` return, and each counts until its first
    event of the rollout: ``total`` is then the number of units at risk, which are those that sent
    something since the look before and had no event until then. (All units ever met by a side would
    be no fair total: a new canary meets busy users first, stable has met the quiet ones too.)
    ``blind`` says, by guardrail, why nothing is known of it. ``tagged``: requests that came by the hosts
    of tags, of which gateways are to tell.
    """

    stream: Literal["requests", "units"]
    canary: SideLook = SideLook()
    stable: SideLook = SideLook()
    blind: Mapping[str, str] = field(default_factory=dict)
    tagged: float = 0.0
