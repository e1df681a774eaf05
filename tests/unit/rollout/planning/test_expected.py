import math

import pytest

from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Count
from trellis.rollout.planning.expected import expected_requests, look, shortfall
from trellis.rollout.planning.rates import Rates

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=1.5))


def test_the_evidence_is_there_with_these_requests_and_not_with_fewer() -> None:
    requests = expected_requests(ERRORS, 0.025, Rates(0.05, 0.01), 20, "harm")
    for part, there in ((1.0, True), (0.98, False)):
        canary, stable = part * requests, part * requests * 4
        counts = Count(canary * 0.05, canary), Count(stable * 0.01, stable)
        evidence = RolloutEvidence.start((ERRORS,), 0.025).look(look(ERRORS, *counts))
        assert (shortfall(evidence, "harm", 0.025) <= 0) == there
        (verdict,) = evidence.judge()
        assert (verdict.state == "harm") == there


def test_no_fewer_requests_than_the_information_of_an_event_asks_for() -> None:
    """Wald's bound: the logarithm of 1 / alpha over Kullback and Leibler's divergence an event."""
    weight, rates, margin = 0.05, Rates(0.02, 0.005), 1.5
    shares = [weight * ratio / (weight * ratio + 1 - weight) for ratio in (4, margin)]
    divergence = shares[0] * math.log(shares[0] / shares[1])
    divergence += (1 - shares[0]) * math.log((1 - shares[0]) / (1 - shares[1]))
    events_a_request = rates.canary / shares[0]
    least = math.log(40) / divergence / events_a_request
    found = expected_requests(ERRORS, 0.025, rates, 100 * weight, "harm")
    assert least < found < 2 * least


def test_a_worse_version_and_rarer_traffic_elsewhere_change_it_as_they_should() -> None:
    requests = [
        expected_requests(ERRORS, 0.025, Rates(rate, 0.01), 5, "harm") for rate in (0.02, 0.05, 0.5)
    ]
    assert requests == sorted(requests, reverse=True)
    strict = expected_requests(ERRORS, 0.001, Rates(0.05, 0.01), 5, "harm")
    assert strict > requests[1]


@pytest.mark.parametrize(
    ("rates", "finding"),
    [(Rates(0.012, 0.01), "harm"), (Rates(0.02, 0.01), "within")],
    ids=["harm of a version within the margin", "within of one beyond it"],
)
def test_what_is_not_so_is_never_found(rates: Rates, finding: str) -> None:
    assert math.isinf(expected_requests(ERRORS, 0.05, rates, 20, finding))  # type: ignore[arg-type]  # parametrised


@pytest.mark.parametrize(
    ("guardrail", "bad", "fine"),
    [
        (
            Guardrail(metric="conversions", attribution_window="1h"),
            Rates(0.02, 0.1),
            Rates(0.1, 0.1),
        ),
        (
            Guardrail(metric="latency", over="250ms", limit="5%"),
            Rates(0.1, 0.01),
            Rates(0.01, 0.01),
        ),
        (Guardrail(metric="errors", negligible="1%"), Rates(0.05, 0.001), Rates(0.001, 0.001)),
    ],
    ids=["fewer conversions", "a limit", "a negligible share"],
)
def test_each_kind_of_guardrail_finds_the_bad_version_and_lets_the_fine_one_pass(
    guardrail: Guardrail, bad: Rates, fine: Rates
) -> None:
    assert expected_requests(guardrail, 0.05, bad, 20, "harm") < 2_000
    assert expected_requests(guardrail, 0.05, fine, 20, "within") < 2_000
