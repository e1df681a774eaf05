"""Steps that catch a regression early and let few users meet it."""

import math
from collections.abc import Mapping

from trellis.contracts.rollout import RolloutSpec, Step
from trellis.rollout.plan.words import span
from trellis.rollout.planning.expected import expected_requests
from trellis.rollout.planning.outlook import wait
from trellis.rollout.planning.rates import Rates, Regression, asked, planned

#: Weights in percent that a proposal chooses from.
LADDER = (1, 2, 5, 10, 20, 50)
#: From one step to the next the weight grows at most so many times.
_LEAP = 5
_LEAST_MINUTES, _MOST_MINUTES = 1, 24 * 60


def propose_steps(
    spec: RolloutSpec,
    stable: Mapping[str, float],
    requests_per_second: float,
    regression: Regression | None = None,
    patience: float = 3600.0,
) -> tuple[Step, ...]:
    """The lowest weight at which the regression is caught within ``patience`` seconds (with a
    probability of 80 %), then up by at most fivefold to 50 percent.

    Where no weight is enough it is one step of 50 percent, the quickest there is. Each is held for
    as long as it takes to catch a version that fails half of what stable does not, at least a
    minute. Raises ``ValueError`` as ``outlook`` does.
    """
    alpha = spec.alpha / len(spec.guardrails)
    regressions = asked(spec, stable, requests_per_second, regression)

    def soon_enough(weight: int) -> bool:
        waits = (wait(guardrail, alpha, rates, weight, "harm") for guardrail, rates in regressions)
        return any(one.seconds(requests_per_second, weight) <= patience for one in waits)

    weights = [next(filter(soon_enough, LADDER), LADDER[-1])]
    while weights[-1] < LADDER[-1]:
        weights.append(max(weight for weight in LADDER if weight <= _LEAP * weights[-1]))
    return tuple(
        Step(weight=weight, minimum_time=_grave_time(spec, stable, requests_per_second, weight))
        for weight in weights
    )


def _grave_time(
    spec: RolloutSpec, stable: Mapping[str, float], requests_per_second: float, weight: int
) -> str:
    """Whole minutes until some guardrail catches a version that is beyond doubt."""
    alpha = spec.alpha / len(spec.guardrails)
    requests = min(
        expected_requests(guardrail, alpha, _grave(guardrail.metric, rate), weight, "harm")
        for guardrail in planned(spec, stable)
        for rate in (stable[guardrail.name],)
    )
    minutes = requests / (requests_per_second * weight / 100) / 60
    return span(60 * math.ceil(min(max(minutes, _LEAST_MINUTES), _MOST_MINUTES)))


def _grave(metric: str, stable: float) -> Rates:
    return Rates(0.0 if metric == "conversions" else (1 + stable) / 2, stable)
