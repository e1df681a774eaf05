"""The evidence of one rollout from pass to pass: what is counted, and from when. Pure.

A span is the time during which traffic stood at one weight, by every look since its first. Only
what lies between two looks of one span is counted: requests follow a weight a second or so after
it is asked for, and what was split in between belongs to no weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import GuardrailVerdict, RolloutStatus
from trellis.rollout.events.looks import blind_look
from trellis.rollout.events.trial import UnitNews
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.metrics.looks import next_look
from trellis.rollout.metrics.port import Readings
from trellis.rollout.metrics.snapshot import Side, Snapshot
from trellis.rollout.plan.sides import is_canary
from trellis.rollout.seen import ServiceSeen

#: Requests by the hosts of tags, and seconds, without any gateway's event: nobody hears of them.
UNTOLD_REQUESTS, UNTOLD_SECONDS = 20.0, 20.0


@dataclass(frozen=True)
class Observation:
    """``span`` is empty while nothing is counted; ``reached`` numbers the looks by unit.

    ``met`` is how often units met an arm; ``untold`` are requests that came by the hosts of tags since
    that grew last, from ``untold_since`` on.
    """

    evidence: RolloutEvidence
    snapshot: Snapshot | None = None
    span: str = ""
    reached: int = 0
    met: int = 0
    untold: float = 0.0
    untold_since: float | None = None

    @classmethod
    def start(cls, spec: RolloutSpec) -> Self:
        """Without any evidence."""
        return cls(RolloutEvidence.start(spec.guardrails, spec.alpha))

    @classmethod
    def recall(cls, state: Mapping[str, Any], spec: RolloutSpec) -> Self | None:
        """From ``status.evidence``; None where it is empty, or was written by something else.

        A damaged part starts anew, the others go on.
        """
        if not state:
            return None
        try:
            met, untold, since = state.get("untold") or (0, 0.0, None)
            return cls(
                RolloutEvidence.from_state(state["guardrails"], spec.guardrails, spec.alpha),
                _snapshot(state.get("snapshot")),
                str(state.get("span") or ""),
                # Without its number, looks by unit would be counted twice.
                int(state.get("reached") or 0),
                int(met),
                float(untold),
                None if since is None else float(since),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def to_state(self) -> dict[str, Any]:
        """For ``status.evidence``: never empty."""
        return {
            "guardrails": self.evidence.to_state(),
            "snapshot": self.snapshot.to_state() if self.snapshot else None,
            "span": self.span,
            "reached": self.reached,
            "untold": [self.met, self.untold, self.untold_since],
        }

    def verdicts(self) -> tuple[GuardrailVerdict, ...]:
        """What the evidence says now."""
        return self.evidence.judge()

    def counted(
        self,
        readings: Readings,
        sides: Mapping[str, Side],
        spec: RolloutSpec,
        weight: int,
        units: UnitNews,
        *,
        by_unit: bool,
    ) -> Self:
        """With what happened since the last look; a span's first look only says where it begins.

        Requests that were split one by one and units that return are apart: no request is both.
        ``by_unit``: gateways split, and of errors and latency only they tell.
        """
        evidence, blind = self.evidence, dict[str, str]()
        for told in units.looks:
            evidence = evidence.look(told)
            blind.update(told.blind)
        snapshot, look = next_look(
            self.snapshot,
            readings,
            sides,
            spec.guardrails,
            stage=self.span,
            weight=weight,
            warm_up=seconds(spec.warm_up),
        )
        told_by_unit = any(rail.metric != "restarts" for rail in spec.guardrails)
        tagged = look.tagged if by_unit and told_by_unit else 0.0
        heard = self._heard(units, tagged, readings.time)
        if not by_unit:  # they are to try again, after a while
            heard = replace(heard, untold=0.0, untold_since=None)
        elif heard.unheard:
            blind |= blind_look(spec.guardrails, heard.unheard, by_unit=True).blind
        look = replace(look, blind={**blind, **look.blind})
        return replace(
            heard, evidence=evidence.look(look), snapshot=snapshot, reached=units.reached
        )

    @property
    def unheard(self) -> str:
        """Why what gateways send is not known to anybody, in words; empty where it is."""
        if self.untold < UNTOLD_REQUESTS or self.untold_since is None or self.snapshot is None:
            return ""
        if self.snapshot.time - self.untold_since < UNTOLD_SECONDS:
            return ""
        return (
            f"{self.untold:.0f} requests came by the hosts of tags and no gateway's event told of one:"
            " has each gateway the Redis, and the prefix, that the controller reads?"
        )

    def _heard(self, units: UnitNews, tagged: float, now: float) -> Self:
        if units.exposures and units.exposures != self.met:
            return replace(self, met=units.exposures, untold=0.0, untold_since=None)
        since = self.untold_since
        return replace(
            self,
            untold=self.untold + tagged,
            untold_since=now if tagged and since is None else since,
        )

    def begun(self, span: str) -> Self:
        """Counting from the next look on."""
        return replace(self, span=span)

    def ended(self) -> Self:
        """Counting no more, until ``begun``."""
        return replace(self, span="")


def _snapshot(state: Mapping[str, Any] | None) -> Snapshot | None:
    try:
        return Snapshot.from_state(state) if state else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def sides(status: RolloutStatus, seen: ServiceSeen) -> dict[str, Side]:
    """Which revisions are compared: the canary's and stable's of the same artefact, no others."""
    found: dict[str, Side] = {}
    stable, canary = status.stable, status.canary
    if stable is None or canary is None:
        return found
    for name, revision in seen.revisions.items():
        if is_canary(seen, name, stable, canary):
            found[name] = "canary"
        elif name == stable.revision or revision.identity == stable.identity:
            found[name] = "stable"
    return found
