"""What is counted of the events, and for whom: one rollout, or one experiment."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, Self

from pydantic import Field, model_validator

from trellis.contracts.amounts import seconds
from trellis.contracts.events import Exposure, Outcome, digest_of_shares
from trellis.contracts.rollout import Guardrail
from trellis.contracts.routing_table import WireDocument

#: A unit's first event counts, while it is at risk; or its one outcome, once its window is over; or
#: its first value at once.
AT_ONCE = frozenset(("errors", "latency"))
RIPE = frozenset(("conversions", "wrongLabels", "scores"))
FIRST = frozenset(("meanLatency",))
#: How far an exposure's propensity may lie from the era's share: sums of floats, no other weights.
SAME_SHARE = 1e-3


class Measure(WireDocument):
    """One metric by unit. ``over`` in seconds, of latency; ``window`` in seconds, of outcomes."""

    name: str
    metric: Literal["errors", "latency", "meanLatency", "conversions", "wrongLabels", "scores"]
    over: float | None = None
    window: float | None = None


class Watch(WireDocument):
    """A rollout's or experiment's interest in events; another trial of the same has another name.

    ``sides`` is what evidence calls each arm (``canary``, ``stable``; of an experiment its version),
    by the revision that units are assigned to. ``era`` rises with every change of ``shares``, which are
    the routing table's, by revision: an exposure of other shares is of another era, and only its
    unit's events are remembered. All arms' shares must be the same, not its own alone: until every
    gateway has a new table, an arm that keeps its share would else be met by more than its part.

    ``split`` says who assigns. By ``unit``: the gateway. By ``request``: whatever splits behind the host
    of the one arm, each request anew; then an exposure is of the revision that served it, each request
    is a unit of its own, and of ``era`` is what was answered from ``since`` on (seconds since 1970).
    """

    name: str = Field(min_length=1, max_length=512)
    model: str
    experiment: str | None = None
    sides: dict[str, str]
    era: int = Field(ge=0)
    shares: dict[str, float]
    measures: tuple[Measure, ...] = Field(max_length=30)
    split: Literal["unit", "request"] = "unit"
    since: float = 0.0
    returning_only: bool = Field(
        False, description="only units known by header, cookie or key count"
    )
    count_units: bool = Field(
        False, description="each unit is remembered and counted once, for the sample's ratio"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sides.keys() != self.shares.keys():
            raise ValueError(f"shares of {sorted(self.shares)}, sides of {sorted(self.sides)}")
        names = [measure.name for measure in self.measures]
        if len(set(names)) != len(names):
            raise ValueError(f"measures: each once; {names} came")
        return self

    def arm_of(self, event: Exposure | Outcome) -> str:
        """The revision that the event's unit was given to."""
        return event.arm if self.split == "unit" else event.revision

    def unit_of(self, event: Exposure | Outcome) -> str:
        """The event's unit, as 16 hex digits."""
        if self.split == "unit":
            return event.unit
        return blake2b(event.request_id.encode(), digest_size=8, person=b"request").hexdigest()

    def in_era(self, event: Exposure | Outcome) -> bool:
        """Whether the event's unit was given to its arm with these shares."""
        if self.split == "unit" and event.shares:
            return event.shares == digest_of_shares(self.shares)
        if self.split == "unit":
            # An older gateway tells its arm's share alone, which tells all of two arms and not of three.
            same = abs(event.propensity - self.shares[event.arm]) <= SAME_SHARE
            return same and sum(share > 0 for share in self.shares.values()) <= 2
        return (event.time if isinstance(event, Exposure) else event.exposed_at) >= self.since

    @property
    def ripens(self) -> bool:
        """Whether windows have to be waited for."""
        return any(measure.metric in RIPE for measure in self.measures)

    @property
    def remembers_all(self) -> bool:
        """Whether units are remembered that had no event."""
        return self.count_units or any(m.metric not in AT_ONCE for m in self.measures)


def measures_of(guardrails: Sequence[Guardrail]) -> tuple[Measure, ...]:
    """Of the guardrails that events tell of: all but those of pods."""
    return tuple(
        Measure(
            name=rail.name,
            metric=rail.metric,
            over=seconds(rail.over) if rail.over else None,
            window=seconds(rail.attribution_window) if rail.attribution_window else None,
        )
        for rail in guardrails
        if rail.metric != "restarts"
    )
