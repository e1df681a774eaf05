import pytest

from trellis.contracts.rollout import DEFAULT_GUARDRAILS, Guardrail, Margin, RolloutSpec
from trellis.rollout.planning.rates import Rates, Regression, planned, smallest_of_interest

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=1.5))
CONVERSIONS = Guardrail(metric="conversions", attribution_window="1h")


@pytest.mark.parametrize(
    ("regression", "guardrail", "rates"),
    [
        (Regression(ratio=4), ERRORS, Rates(0.04, 0.01)),
        (Regression(ratio=400), ERRORS, Rates(1.0, 0.01)),
        (Regression(rate=0.2), ERRORS, Rates(0.2, 0.01)),
        (Regression(ratio=4), CONVERSIONS, Rates(0.0025, 0.01)),
        (Regression(rate=0.0), CONVERSIONS, Rates(0.0, 0.01)),
    ],
    ids=["ratio", "all of them", "rate", "fewer conversions", "none at all"],
)
def test_a_regression_makes_the_canary_worse(
    regression: Regression, guardrail: Guardrail, rates: Rates
) -> None:
    assert regression.rates(guardrail, 0.01) == rates


@pytest.mark.parametrize(
    ("ratio", "rate", "words"),
    [
        (None, None, "exactly one"),
        (2.0, 0.1, "exactly one"),
        (1.0, None, "no regression"),
        (None, 1.5, "between 0 and 1"),
    ],
)
def test_what_is_no_regression_is_refused(
    ratio: float | None, rate: float | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Regression(ratio, rate)


@pytest.mark.parametrize(
    ("guardrail", "rate"), [(ERRORS, 0.005), (CONVERSIONS, 0.05)], ids=["errors", "conversions"]
)
def test_a_rate_that_is_no_worse_than_stables_is_refused(guardrail: Guardrail, rate: float) -> None:
    with pytest.raises(ValueError, match=f"{guardrail.name}: a rate of {rate:g} is no regression"):
        Regression(rate=rate).rates(guardrail, 0.01)


@pytest.mark.parametrize(
    ("guardrail", "stable", "canary"),
    [
        (ERRORS, 0.01, 0.03),
        (Guardrail(metric="errors"), 0.01, 0.03),
        (Guardrail(metric="errors", negligible="1%"), 0.001, 0.02),
        (Guardrail(metric="errors", negligible="1%"), 0.0, 0.02),
        (Guardrail(metric="latency", over="1s", limit="2%"), 0.01, 0.04),
        (CONVERSIONS, 0.03, 0.01),
    ],
    ids=["margin", "default margin", "negligible", "no error yet", "limit", "conversions"],
)
def test_the_smallest_regression_of_interest_is_twice_what_is_allowed(
    guardrail: Guardrail, stable: float, canary: float
) -> None:
    assert smallest_of_interest(guardrail, stable).canary == pytest.approx(canary)


@pytest.mark.parametrize("stable", [0.0, 1.0], ids=["never errs", "always errs"])
def test_a_regression_that_cannot_be_told_is_refused(stable: float) -> None:
    with pytest.raises(ValueError, match="leaves no regression to look for"):
        smallest_of_interest(ERRORS, stable)


def test_counts_by_request_with_a_rate_are_planned() -> None:
    latency = Guardrail(metric="latency", over="250ms", limit="1%")
    mean = Guardrail(metric="meanLatency")
    spec = RolloutSpec(inference_service="tomato", guardrails=(*DEFAULT_GUARDRAILS, latency, mean))
    rates = {"errors": 0.01, "meanLatency": 0.1, "restarts": 0.0}
    assert [guardrail.name for guardrail in planned(spec, rates)] == ["errors"]


def test_a_rate_of_an_unknown_guardrail_is_refused() -> None:
    with pytest.raises(ValueError, match="no guardrail 'error'; there are errors, restarts"):
        planned(RolloutSpec(inference_service="tomato"), {"error": 0.01})
