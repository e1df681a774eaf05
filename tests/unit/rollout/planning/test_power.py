import numpy as np
import pytest

from tests.unit.rollout.promises.bounds import at_least, at_most
from trellis.contracts.rollout import DEFAULT_GUARDRAILS, Guardrail, Margin, RolloutSpec
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Count
from trellis.rollout.planning.expected import look
from trellis.rollout.planning.power import requests_for_power, required_requests
from trellis.rollout.planning.rates import Rates

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=1.5))


def test_after_these_requests_four_of_five_regressions_are_caught() -> None:
    requests = requests_for_power(ERRORS, 0.02, 20, rates=Rates(0.1, 0.02))
    random, caught, rollouts = np.random.default_rng(30), 0, 300
    for _ in range(rollouts):
        evidence = RolloutEvidence.start((ERRORS,), 0.025)
        for _ in range(20):
            canary, stable = requests / 20, requests / 5
            counts = (
                Count(float(random.binomial(round(canary), 0.1)), round(canary)),
                Count(float(random.binomial(round(stable), 0.02)), round(stable)),
            )
            evidence = evidence.look(look(ERRORS, *counts))
        caught += evidence.judge()[0].state == "harm"
    # A hundred histories gave the requests: their own error is 0.12 at three standard errors.
    assert at_least(caught, rollouts) < 0.8 + 0.12
    assert at_most(caught, rollouts) > 0.8 - 0.12


def test_more_power_asks_for_more() -> None:
    less, more = (requests_for_power(ERRORS, 0.02, 20, power) for power in (0.5, 0.95))
    assert less < more


def test_a_regression_that_nothing_catches_is_refused() -> None:
    with pytest.raises(ValueError, match="errors: no number of requests"):
        requests_for_power(ERRORS, 0.02, 20, rates=Rates(0.025, 0.02))


def test_the_guardrail_that_asks_for_most_is_waited_for() -> None:
    slow = Guardrail(metric="latency", over="250ms")
    spec = RolloutSpec(inference_service="tomato", guardrails=(*DEFAULT_GUARDRAILS, slow))
    rates = {"errors": 0.05, "latency>250ms": 0.01}
    alone = requests_for_power(slow, 0.01, 20, alpha=0.05 / 3)
    assert required_requests(spec, rates, 20) == alone
    assert required_requests(spec, {"errors": 0.05}, 20) < alone  # type: ignore[operator]  # a number came


def test_a_rate_that_moves_a_little_asks_for_the_same() -> None:
    spec = RolloutSpec(inference_service="tomato")
    first, second = (required_requests(spec, {"errors": rate}, 20) for rate in (0.0201, 0.0199))
    assert first == second


def test_nothing_is_asked_for_where_nothing_can_be_planned() -> None:
    assert required_requests(RolloutSpec(inference_service="tomato"), {}, 20) is None
