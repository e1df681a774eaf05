"""A version at its very margin is called harmful, or harmless, with probability alpha at most."""

import numpy as np
import pytest

from tests.unit.rollout.promises.bounds import at_least
from tests.unit.rollout.promises.histories import counted, finest_looks
from tests.unit.rollout.promises.many import followed
from tests.unit.rollout.promises.scenarios import RAMP, SCENARIOS, Scenario
from trellis.rollout.evidence.ratios import RatioEvidence
from trellis.rollout.looks import Count

ALPHA = 0.05
ROLLOUTS = 400


@pytest.mark.parametrize("margin", [1.01, 1.5])
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
def test_alpha_holds_after_every_request(scenario: Scenario, margin: float) -> None:
    harm, within = scenario.calls(margin, ALPHA, ROLLOUTS)
    # The version stands on the border of both claims, so neither may be made more often.
    assert at_least(harm, ROLLOUTS) <= ALPHA
    assert at_least(within, ROLLOUTS) <= ALPHA


def test_pooling_the_counts_of_a_ramp_breaks_alpha() -> None:
    """Simpson's trap: bad minutes at high weights weigh on the canary's pooled counts."""
    random = np.random.default_rng(21)
    canary, stable = finest_looks(ROLLOUTS, 300, RAMP, random)
    rates = np.full(canary.shape, 0.01)
    rates[:, 900:] *= 5
    counts = counted((canary, stable), rates, 1.0, random)
    pooled = type(counts)(*(column.sum(axis=1, keepdims=True) for column in counts))
    assert at_least(int((followed(pooled, 1.01, 1 / ALPHA)[0].first > 0).sum()), ROLLOUTS) > ALPHA
    by_look = followed(counts, 1.01, 1 / ALPHA)[0]
    assert at_least(int((by_look.first > 0).sum()), ROLLOUTS) <= ALPHA


def test_a_version_that_errs_is_caught_and_a_fine_one_is_let_through() -> None:
    random = np.random.default_rng(22)
    totals = finest_looks(100, 1500, (50,), random)
    rates = np.full(totals[0].shape, 0.05)
    bad, _ = followed(counted(totals, rates, 5, random), 1.5, 1 / ALPHA)
    _, fine = followed(counted(totals, rates, 1, random), 1.5, 1 / ALPHA)
    assert (bad.first > 0).all()
    assert (fine.first > 0).mean() > 0.5


def test_an_interval_holds_the_true_ratio_at_every_look() -> None:
    random, rollouts = np.random.default_rng(25), 150
    totals = finest_looks(rollouts, 100, (5, 20, 50), random)
    counts = counted(totals, np.full(totals[0].shape, 0.05), 2.0, random)
    missed = 0
    for rollout in range(rollouts):
        evidence, held = RatioEvidence(1.5), True
        for look in np.flatnonzero((counts.canary_events + counts.stable_events)[rollout]):
            canary, canary_events, stable, stable_events = (
                float(column[rollout, look]) for column in counts
            )
            evidence = evidence.add(Count(canary_events, canary), Count(stable_events, stable))
            low, high = evidence.interval(ALPHA) or (0.0, np.inf)
            held = held and low <= 2 <= high
        missed += not held
    assert at_least(missed, rollouts) <= ALPHA
