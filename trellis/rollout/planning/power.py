"""Requests until a regression would have been caught: what ``advance: noHarm`` waits for."""

import math
from collections.abc import Mapping

from trellis.contracts.rollout import Guardrail, RolloutSpec
from trellis.rollout.planning.crossings import crossings
from trellis.rollout.planning.rates import Rates, planned, smallest_of_interest

POWER = 0.8


def requests_for_power(
    guardrail: Guardrail,
    base_rate: float,
    weight: float,
    power: float = POWER,
    *,
    alpha: float = 0.025,
    rates: Rates | None = None,
) -> int:
    """Canary requests at ``weight`` percent by which a regression is rolled back with ``power``.

    ``base_rate`` is stable's, a part of 1; ``alpha`` the guardrail's own, which is that of the
    rollout over the number of its guardrails. ``rates`` are those of the regression, by default
    ``smallest_of_interest``. Raises ``ValueError`` where no number of requests suffices, and as
    ``smallest_of_interest`` does.
    """
    found = crossings(
        guardrail, alpha, rates or smallest_of_interest(guardrail, base_rate), weight, "harm"
    )
    requests = float(found[math.ceil(power * len(found)) - 1])
    if math.isinf(requests):
        raise ValueError(f"{guardrail.name}: no number of requests catches this regression")
    return math.ceil(requests)


def required_requests(spec: RolloutSpec, stable: Mapping[str, float], weight: float) -> int | None:
    """The most that any guardrail asks for; None where no guardrail can be planned.

    ``stable`` are its rates by the guardrail's name, as seen so far, taken at two digits, so that a
    rate that moves a little asks for the same. Guardrails of means ask for nothing, nor do those
    without a rate, or with one that leaves no regression to look for.
    """
    alpha = spec.alpha / len(spec.guardrails)
    wanted = []
    for guardrail in planned(spec, stable):
        rate = float(f"{stable[guardrail.name]:.2g}")
        try:
            wanted.append(requests_for_power(guardrail, rate, weight, alpha=alpha))
        except ValueError:
            continue
    return max(wanted, default=None)
