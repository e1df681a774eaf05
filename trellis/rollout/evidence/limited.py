"""The guardrail on a share that is too much whatever stable does: latency with a ``limit``."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from trellis.contracts.amounts import share as part_of
from trellis.contracts.rollout import Guardrail
from trellis.contracts.rollout_status import GuardrailVerdict
from trellis.rollout.evidence import words
from trellis.rollout.evidence.checks import check_count
from trellis.rollout.evidence.proportions import share_interval
from trellis.rollout.evidence.shares import ShareEvidence
from trellis.rollout.evidence.tallies import NOTHING, Stream, Tallies
from trellis.rollout.looks import SideLook


@dataclass(frozen=True, eq=False)
class LimitEvidence:
    """Of one guardrail. ``peak`` is the largest harm e-value's logarithm so far."""

    guardrail: Guardrail
    share: ShareEvidence
    tallies: Tallies = field(default_factory=Tallies)
    peak: float = 0.0

    @classmethod
    def start(cls, guardrail: Guardrail) -> Self:
        """Nothing seen yet. Raises ``ValueError`` where the guardrail has no limit."""
        if guardrail.limit is None:
            raise ValueError(f"{guardrail.name}: has no limit")
        return cls(guardrail, ShareEvidence(part_of(guardrail.limit)))

    def add(self, stream: Stream, canary: SideLook, stable: SideLook) -> Self:
        """One look; as it was where neither side has the guardrail.

        Raises ``ValueError`` where a number cannot be.
        """
        name = self.guardrail.name
        if name not in canary.counts and name not in stable.counts:
            return self
        mine = canary.counts.get(name, NOTHING)
        theirs = stable.counts.get(name, NOTHING)
        check_count(f"canary.counts.{name}", mine, within_total=True)
        check_count(f"stable.counts.{name}", theirs, within_total=True)
        share = self.share.add(mine)
        return replace(
            self,
            share=share,
            tallies=self.tallies.add(stream, mine, theirs),
            peak=max(self.peak, share.log_harm),
        )

    def judge(self, alpha: float) -> GuardrailVerdict:
        """Numbers and words, without a state; the interval of the share at ``1 - alpha``."""
        events, total = self.share.events, self.share.total
        interval = share_interval(events, total, alpha) if total else None
        noun = "requests" if self.tallies.chief == "requests" else "visits"
        canary, stable = self.tallies.tally("canary"), self.tallies.tally("stable")
        message = f"{self.guardrail.name}: canary {words.share(canary, noun)}"
        message += f", stable {words.share(stable)}"
        if interval:
            message += f"; interval {words.percent(interval[0])} to {words.percent(interval[1])}"
        message += f"; limit {words.percent(self.share.limit)}"
        return GuardrailVerdict(
            name=self.guardrail.name,
            state="undecided",
            canary=canary,
            stable=stable,
            log_e_harm=self.peak,
            log_e_within=self.share.log_within,
            estimate=events / total if total else None,
            interval=interval,
            margin=self.share.limit,
            message=message,
        )

    def to_state(self) -> dict[str, Any]:
        """A few numbers."""
        return {
            "share": self.share.to_state(),
            "tallies": self.tallies.to_state(),
            "peak": self.peak,
        }

    @classmethod
    def from_state(cls, guardrail: Guardrail, state: Mapping[str, Any]) -> Self:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` where the state is none of this."""
        empty = cls.start(guardrail)
        return replace(
            empty,
            share=empty.share.restored(state["share"]),
            tallies=Tallies.from_state(state["tallies"]),
            peak=float(state["peak"]),
        )
