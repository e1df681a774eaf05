"""Guardrails on events compared with stable's: errors, latency, restarts, conversions, labels.

Where the guardrail has a ``negligible`` share, the canary is fine if the ratio is within the margin
OR its share is at most that. Against this union harm has the smaller of the two e-values, which is one
under either; that it is not fine needs both to be false, so within has their mean. A restart has the
negligible rate ``NEGLIGIBLE_RESTARTS`` for being within, and none for harm: without any restart on
either side no ratio would ever let a version pass.

A look of one side alone compares nothing, and is no part of the tallies: nobody may take it for a
comparison in which there was no harm. Of units that err there is one thing to learn from it: there
exposures show that stable answered, and from its cache, which cannot fail. So the canary's visits are
held against a share of ``TOO_MANY_ALONE`` instead, which a sixteenth of harm's wealth is set aside for.
Of requests that were split one by one it says nothing: that stable had none is chance, and both sides
may err more often than that.

Of conversions more is better: there the sides change places, and what people see is turned back.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from trellis.contracts.amounts import share as part_of
from trellis.contracts.rollout import Guardrail
from trellis.contracts.rollout_status import GuardrailVerdict
from trellis.rollout.evidence import words
from trellis.rollout.evidence.checks import check_count
from trellis.rollout.evidence.mixtures import log_average
from trellis.rollout.evidence.packing import pack, unpack
from trellis.rollout.evidence.rates import log_rate_within
from trellis.rollout.evidence.ratios import ATOMS, LARGEST, RatioEvidence
from trellis.rollout.evidence.renewal import Renewal
from trellis.rollout.evidence.shares import ShareEvidence
from trellis.rollout.evidence.tallies import NOTHING, Stream, Tallies
from trellis.rollout.looks import Count, SideLook

DEFAULT_RATIO = 1.5

#: Restarts by second of a running pod that hold no rollout up: one in two minutes. To show less
#: takes about nine pod-minutes without a restart; harm is judged by the ratio alone.
NEGLIGIBLE_RESTARTS = 1 / 120

#: Errors of a canary's units with nothing to compare it with: a larger share is harm whatever stable would do.
TOO_MANY_ALONE = 0.05
_LOG_SET_ASIDE, _LOG_KEPT = math.log(1 / 16), math.log(15 / 16)

#: A container that started ran for a second, whatever a probe had time to say.
_LEAST_RUN = 1.0


@dataclass(frozen=True, eq=False)
class CountedEvidence:
    """Of one guardrail. ``peak`` is the largest harm e-value's logarithm so far."""

    guardrail: Guardrail
    ratio: RatioEvidence
    share: ShareEvidence | None
    alone: ShareEvidence | None
    tallies: Tallies = field(default_factory=Tallies)
    peak: float = 0.0

    @classmethod
    def start(cls, guardrail: Guardrail) -> Self:
        """Nothing seen yet."""
        margin = guardrail.margin.ratio if guardrail.margin else None
        negligible = guardrail.negligible
        return cls(
            guardrail,
            RatioEvidence(margin or DEFAULT_RATIO),
            ShareEvidence(part_of(negligible)) if negligible else None,
            ShareEvidence(_too_many(negligible)) if guardrail.metric == "errors" else None,
        )

    def add(self, stream: Stream, canary: SideLook, stable: SideLook) -> Self:
        """One look; as it was where neither side has the guardrail.

        Raises ``ValueError`` where a number cannot be.
        """
        name = self.guardrail.name
        if name not in canary.counts and name not in stable.counts:
            return self
        mine = self._checked(f"canary.counts.{name}", canary.counts.get(name, NOTHING))
        theirs = self._checked(f"stable.counts.{name}", stable.counts.get(name, NOTHING))
        if not (mine.total and theirs.total):
            return self._one_sided(mine) if stream == "units" else self
        sides = (theirs, mine) if self._higher_is_better else (mine, theirs)
        ratio = self.ratio.add(*sides)
        share = self.share.add(mine) if self.share else None
        tallies = self.tallies.add(stream, mine, theirs)
        return self._peaked(replace(self, ratio=ratio, share=share, tallies=tallies))

    def _one_sided(self, mine: Count) -> Self:
        return self._peaked(replace(self, alone=self.alone.add(mine))) if self.alone else self

    def _peaked(self, added: Self) -> Self:
        return replace(added, peak=max(self.peak, added.log_harm))

    def _checked(self, where: str, count: Count) -> Count:
        by_second = self.guardrail.metric == "restarts"
        check_count(where, count, within_total=not by_second)
        if by_second:
            return Count(count.events, max(count.total, count.events * _LEAST_RUN))
        return count

    @property
    def _higher_is_better(self) -> bool:
        return self.guardrail.metric == "conversions"

    @property
    def log_harm(self) -> float:
        """The logarithm of the e-value against being within the margin, as it is now."""
        compared = self.ratio.log_harm
        if self.share is not None:
            compared = min(compared, self.share.log_harm)
        if self.alone is None:
            return compared
        return float(np.logaddexp(_LOG_KEPT + compared, _LOG_SET_ASIDE + self.alone.log_harm))

    @property
    def log_within(self) -> float:
        """The logarithm of the e-value against being beyond the margin."""
        if self.guardrail.metric == "restarts":
            events, total = self.tallies.requests.canary
            alone = log_rate_within(events, total, NEGLIGIBLE_RESTARTS)
            return log_average(self.ratio.log_within, alone)
        if self.share is None:
            return self.ratio.log_within
        return log_average(self.ratio.log_within, self.share.log_within)

    def judge(self, alpha: float) -> GuardrailVerdict:
        """Numbers and words, without a state; the interval at ``1 - alpha``."""
        estimate, interval = self.ratio.estimate, self.ratio.interval(alpha)
        margin = self.ratio.margin
        if self._higher_is_better:
            margin = 1 / margin
            estimate = None if estimate is None else _turned(estimate)
            interval = interval and (_turned(interval[1]), _turned(interval[0]))
        return GuardrailVerdict(
            name=self.guardrail.name,
            state="undecided",
            canary=self.tallies.tally("canary"),
            stable=self.tallies.tally("stable"),
            log_e_harm=self.peak,
            log_e_within=self.log_within,
            estimate=estimate,
            interval=interval,
            margin=margin,
            message=self._message(estimate, interval, margin),
        )

    def _message(
        self, estimate: float | None, interval: tuple[float, float] | None, margin: float
    ) -> str:
        nouns = {"requests": "requests", "units": "visits"}
        if self.guardrail.metric == "restarts":
            nouns["requests"] = "s"
        seen = []
        for stream, pair in (("requests", self.tallies.requests), ("units", self.tallies.units)):
            if pair.canary.total or pair.stable.total or stream == self.tallies.chief:
                noun = nouns[stream]
                seen.append(
                    f"canary {_counted(pair.canary, noun)}, stable {_counted(pair.stable, noun)}"
                )
        ratio = "no ratio yet" if estimate is None else f"ratio {_of_ratio(estimate)}"
        if interval is not None:
            ratio += f", interval {words.number(interval[0])} to {_of_ratio(interval[1])}"
        ratio += f", margin {words.number(margin)}"
        if self.share is not None:
            ratio += f" (or {words.percent(self.share.limit)} of the canary's)"
        if self.alone is not None and self.alone.total:
            alone = _counted(Count(self.alone.events, self.alone.total), "visits")
            ratio += f"; the canary alone, with nothing of stable's to compare: {alone}"
        return f"{self.guardrail.name}: {' and '.join(seen)}; {ratio}"

    def to_state(self) -> dict[str, Any]:
        """About 3 KB of JSON."""
        state: dict[str, Any] = {
            "likelihood": pack(self.ratio.likelihood),
            "since": pack(self.ratio.since),
            "renewal": [self.ratio.renewal.number, self.ratio.renewal.spent],
            "tallies": self.tallies.to_state(),
            "peak": self.peak,
        }
        if self.share is not None:
            state["share"] = self.share.to_state()
        if self.alone is not None:
            state["alone"] = self.alone.to_state()
        return state

    @classmethod
    def from_state(cls, guardrail: Guardrail, state: Mapping[str, Any]) -> Self:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` where the state is none of this."""
        empty = cls.start(guardrail)
        return replace(
            empty,
            ratio=replace(
                empty.ratio,
                likelihood=unpack(state["likelihood"], ATOMS + 1),
                since=unpack(state["since"], ATOMS + 1),
                renewal=Renewal.from_state(state["renewal"]),
            ),
            share=empty.share.restored(state["share"]) if empty.share else None,
            alone=empty.alone.restored(state["alone"]) if empty.alone else None,
            tallies=Tallies.from_state(state["tallies"]),
            peak=float(state["peak"]),
        )


def _too_many(negligible: str | None) -> float:
    return max(TOO_MANY_ALONE, part_of(negligible)) if negligible else TOO_MANY_ALONE


def _turned(ratio: float) -> float:
    """The other side's ratio, within the grid's ends."""
    if ratio == 0:
        return LARGEST
    return 0.0 if ratio >= LARGEST else 1 / ratio


def _of_ratio(ratio: float) -> str:
    return f"{LARGEST:g} or more" if ratio >= LARGEST else words.number(ratio)


def _counted(count: Count, noun: str = "") -> str:
    if noun == "s":
        return f"{words.number(count.events)} in {words.number(count.total)} s"
    return words.share(count, noun)
