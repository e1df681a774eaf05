"""Trellis' rule for one counted guardrail, over many rollouts at once; and as a Rollout has it by default."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.bench.rollout.drawn import Drawn
from tests.bench.rollout.peers import Ends
from tests.unit.rollout.promises.histories import Counts
from tests.unit.rollout.promises.many import Highest, Many, ManyShares
from trellis.contracts.amounts import share as part_of
from trellis.contracts.rollout import RolloutSpec

_SPEC = RolloutSpec(inference_service="bench")
_ERRORS = next(rail for rail in _SPEC.guardrails if rail.metric == "errors")


@dataclass(frozen=True)
class Trellis:
    """Back as soon as the e-value against a ratio of at most ``margin`` reaches ``needed``, and, where
    a share is ``negligible``, that against a share of at most this one has reached it too.

    E-values are those of ``tests/unit/rollout/promises/many.py``, which are held against the
    evidence's own code there.
    """

    margin: float
    needed: float = np.inf
    negligible: float | None = None

    def rollbacks(self, drawn: Drawn) -> Ends:
        """The first look at which the rule goes back."""
        return self._followed(drawn).first

    def highest(self, drawn: Drawn) -> NDArray[np.float64]:
        """The highest logarithm that the e-value of each rollout ever had; 0 where it never rose."""
        return self._followed(drawn).logs

    def _followed(self, drawn: Drawn) -> Highest:
        rollouts, looks = drawn.canary_totals.shape
        ratio = Many(self.margin, rollouts)
        share = ManyShares(self.negligible, rollouts) if self.negligible else None
        harm = Highest(rollouts, self.needed)
        columns = Counts(
            drawn.canary_totals, drawn.canary_errors, drawn.stable_totals, drawn.stable_errors
        )
        for look in range(looks):
            counts = Counts(*(column[:, look] for column in columns))
            ratio.add(counts)
            logs = ratio.log_harm
            if share:
                share.add(counts.canary_totals, counts.canary_events)
                logs = np.minimum(logs, share.log_harm)
            harm.note(look + 1, logs)
        return harm


def as_shipped() -> Trellis:
    """On errors, with the margin, negligible share and part of alpha that a Rollout has by default."""
    needed = len(_SPEC.guardrails) / _SPEC.alpha
    return Trellis(_ratio(), needed, part_of(_ERRORS.negligible) if _ERRORS.negligible else None)


def shipped_title() -> str:
    """What that is, as people write it."""
    return (
        f"Trellis: {len(_SPEC.guardrails)} guardrails, `alpha: {_SPEC.alpha:g}`,"
        f" `margin.ratio: {_ratio():g}`, `negligible: {_ERRORS.negligible}`"
    )


def _ratio() -> float:
    if _ERRORS.margin is None or _ERRORS.margin.ratio is None:
        raise ValueError("the guardrail on errors has no ratio by default")
    return _ERRORS.margin.ratio
