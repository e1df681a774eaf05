"""Slowness at the very margin: shares over a threshold, limits, and means of heavy tails.

Means are bounded asymptotically only: what is shown of them holds for these tails.
"""

import math

import numpy as np
import pytest

from tests.unit.rollout.promises.bounds import at_least
from tests.unit.rollout.promises.many import ManyShares
from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.evidence.averaged import MeanEvidence
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.simulate.behaviour import Behaviour, LogNormal, Shocks, Traffic
from trellis.rollout.simulate.requests import RequestTraffic

ALPHA = 0.05
ROLLOUTS = 200
NEEDED = -math.log(ALPHA)
RAMP = (1, 5, 20, 50)


def calls(
    guardrail: Guardrail, traffic: Traffic, weights: tuple[int, ...], looks: int
) -> tuple[int, int]:
    """In how many rollouts harm and within were ever called."""
    harm = within = 0
    for seed in range(ROLLOUTS):
        invented = RequestTraffic((guardrail,), traffic, 0, np.random.default_rng(seed))
        part = RolloutEvidence.start((guardrail,), ALPHA).parts[0]
        highest = 0.0
        for weight in weights:
            for _ in range(looks):
                look = invented.look(weight, 5.0)
                part = part.add(look.stream, look.canary, look.stable)
                if isinstance(part, MeanEvidence):
                    highest = max(highest, part.log_e(worse=False))
        harm += part.peak >= NEEDED
        within += highest >= NEEDED
    return harm, within


@pytest.mark.parametrize(
    ("spread", "weights", "shocks"),
    [
        (0.5, (50,), Shocks()),
        (1.5, (50,), Shocks()),
        (1.5, (5,), Shocks()),
        (1.5, RAMP, Shocks()),
        (1.5, RAMP, Shocks(share=0.2, latency=5)),
    ],
    ids=["light tail", "heavy tail", "heavy tail at 95/5", "ramp", "shocks that both sides share"],
)
def test_a_mean_at_its_margin_keeps_alpha(
    spread: float, weights: tuple[int, ...], shocks: Shocks
) -> None:
    margin, stable = 1.2, LogNormal(0.05, spread)
    traffic = Traffic(
        Behaviour(latency=stable), Behaviour(latency=stable.slowed(margin)), shocks=shocks
    )
    guardrail = Guardrail(metric="meanLatency", margin=Margin(ratio=margin))
    harm, within = calls(guardrail, traffic, weights, 60 // len(weights))
    assert at_least(harm, ROLLOUTS) <= ALPHA
    assert at_least(within, ROLLOUTS) <= ALPHA


def test_equal_shares_over_a_threshold_keep_alpha_with_heavy_tails_and_shocks() -> None:
    latency = Behaviour(latency=LogNormal(0.05, 1.5))
    traffic = Traffic(latency, latency, shocks=Shocks(share=0.2, latency=5))
    guardrail = Guardrail(metric="latency", over="250ms", margin=Margin(ratio=1.01))
    harm, _ = calls(guardrail, traffic, RAMP, 15)
    assert at_least(harm, ROLLOUTS) <= ALPHA


def test_a_slow_version_is_caught_by_each_of_the_three() -> None:
    traffic = Traffic(canary=Behaviour(latency=LogNormal(0.2, 0.5)))
    for guardrail in (
        Guardrail(metric="meanLatency"),
        Guardrail(metric="latency", over="250ms"),
        Guardrail(metric="latency", over="250ms", limit="1%"),
    ):
        assert calls(guardrail, traffic, (20,), 20)[0] == ROLLOUTS


@pytest.mark.parametrize("limit", [0.01, 0.2])
def test_a_share_at_its_limit_keeps_alpha_after_every_request(limit: float) -> None:
    random = np.random.default_rng(24)
    many, rollouts = ManyShares(limit, 500), 500
    highest = np.zeros(rollouts)
    one = np.ones(rollouts, np.int64)
    for _ in range(1500):
        many.add(one, random.binomial(one, limit))
        highest = np.maximum(highest, many.log_harm)
    assert at_least(int((highest >= NEEDED).sum()), rollouts) <= ALPHA
