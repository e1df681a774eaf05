"""Guardrails on means: meanLatency in seconds, where less is better, and scores, where more is.

Scores may lie below 0, where a part of stable's mean is less than it all: a ratio ``r`` of scores allows
a canary that is worse than stable's mean ``s`` by at most ``(1 - 1/r) |s|``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import Guardrail
from trellis.contracts.rollout_status import GuardrailVerdict, Tally
from trellis.rollout.evidence import words
from trellis.rollout.evidence.checks import check_moments
from trellis.rollout.evidence.counted import DEFAULT_RATIO
from trellis.rollout.evidence.means import MeanContrast
from trellis.rollout.evidence.mixtures import log_average
from trellis.rollout.evidence.tallies import Stream
from trellis.rollout.looks import Moments, SideLook

_NOTHING = Moments(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class MeanMargin:
    """How far canary's mean may be off in the worse direction: by a ratio, or by a difference."""

    ratio: float | None
    difference: float

    @classmethod
    def of(cls, guardrail: Guardrail) -> Self:
        """Differences in the metric's own unit, seconds for meanLatency."""
        margin = guardrail.margin
        if margin is None or margin.absolute is None:
            return cls((margin and margin.ratio) or DEFAULT_RATIO, 0.0)
        text = margin.absolute
        return cls(None, seconds(text) if text.endswith("s") else float(text))


@dataclass(frozen=True, eq=False)
class MeanEvidence:
    """Of one guardrail. ``peak`` is the largest harm e-value's logarithm so far."""

    guardrail: Guardrail
    margin: MeanMargin
    contrast: MeanContrast
    peak: float = 0.0

    @classmethod
    def start(cls, guardrail: Guardrail) -> Self:
        """Nothing seen yet."""
        signed = guardrail.metric == "scores"
        return cls(guardrail, MeanMargin.of(guardrail), MeanContrast(signed=signed))

    def add(self, stream: Stream, canary: SideLook, stable: SideLook) -> Self:
        """One look; as it was where neither side has the guardrail.

        Raises ``ValueError`` where a number cannot be.
        """
        name = self.guardrail.name
        mine = canary.moments.get(name, _NOTHING)
        theirs = stable.moments.get(name, _NOTHING)
        check_moments(f"canary.moments.{name}", mine, signed=self.contrast.signed)
        check_moments(f"stable.moments.{name}", theirs, signed=self.contrast.signed)
        added = replace(self, contrast=self.contrast.add(mine, theirs))
        return replace(added, peak=max(self.peak, added.log_e(worse=True)))

    @property
    def _higher_is_better(self) -> bool:
        return self.guardrail.metric == "scores"

    def log_e(self, *, worse: bool) -> float:
        """The logarithm of the e-value against being within the margin (``worse``), or beyond it."""
        ratio, difference = self.margin.ratio or 1.0, self.margin.difference
        if not self._higher_is_better:
            return self._log_beyond(ratio, difference, above=worse)
        if self.margin.ratio is None:
            return self._log_beyond(1.0, -difference, above=not worse)
        # Fine is at least s - k |s|, so at least (1 - k) s or at least (1 + k) s: harm has the smaller
        # of two e-values, and what is not fine is below both, so within has their mean.
        part = 1 - 1 / ratio
        one, other = (
            self._log_beyond(times, 0.0, above=not worse) for times in (1 - part, 1 + part)
        )
        return min(one, other) if worse else log_average(one, other)

    def _log_beyond(self, ratio: float, difference: float, *, above: bool) -> float:
        of = self.contrast.log_above if above else self.contrast.log_below
        return of(ratio=ratio, difference=difference)

    def judge(self, alpha: float) -> GuardrailVerdict:
        """Numbers and words, without a state; the interval at ``1 - alpha``.

        A tally's events are the sum of its values: events by total is the mean.
        """
        contrast = self.contrast
        if self.margin.ratio is None:
            what, margin = "difference", self.margin.difference
            margin = -margin if self._higher_is_better else margin
            estimate, interval = contrast.difference, contrast.interval(alpha)
        else:
            what = "ratio"
            margin = 1 / self.margin.ratio if self._higher_is_better else self.margin.ratio
            estimate, interval = contrast.ratio, contrast.ratio_interval(alpha)
        unit = " s" if self.guardrail.metric == "meanLatency" else ""
        message = f"{self.guardrail.name}: canary {self._mean('canary', unit)}, "
        message += f"stable {self._mean('stable', unit)}"
        bare = unit if what == "difference" else ""
        if not contrast.begun:
            message += "; too few values yet, or all alike"
        elif estimate is not None:
            message += f"; {what} {words.number(estimate)}{bare}"
        if interval is not None:
            message += (
                f", interval {words.number(interval[0])} to {words.number(interval[1])}{bare}"
            )
        message += f", margin {words.number(margin)}{bare}"
        return GuardrailVerdict(
            name=self.guardrail.name,
            state="undecided",
            canary=Tally(events=contrast.canary.total, total=contrast.canary.number),
            stable=Tally(events=contrast.stable.total, total=contrast.stable.number),
            log_e_harm=self.peak,
            log_e_within=self.log_e(worse=False),
            estimate=estimate,
            interval=interval,
            margin=margin,
            message=message,
        )

    def _mean(self, name: str, unit: str) -> str:
        side = self.contrast.canary if name == "canary" else self.contrast.stable
        if not side.number:
            return "no value"
        return f"{words.number(side.total / side.number)}{unit} of {words.number(side.number)}"

    def to_state(self) -> dict[str, Any]:
        """About twenty numbers."""
        return {"contrast": self.contrast.to_state(), "peak": self.peak}

    @classmethod
    def from_state(cls, guardrail: Guardrail, state: Mapping[str, Any]) -> Self:
        """Raises ``ValueError``, ``KeyError`` or ``TypeError`` where the state is none of this."""
        empty = cls.start(guardrail)
        return replace(
            empty,
            contrast=empty.contrast.restored(state["contrast"]),
            peak=float(state["peak"]),
        )
