"""Requests until evidence comes where every count is exactly its expected value."""

import math
from typing import Literal

from trellis.contracts.rollout import Guardrail
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Count, Look, SideLook
from trellis.rollout.planning.rates import Rates

Finding = Literal["harm", "within"]

#: Canary requests that nobody waits for.
MOST_REQUESTS = 1e10


def look(guardrail: Guardrail, canary: Count, stable: Count) -> Look:
    """A look at one guardrail only."""
    return Look("requests", SideLook({guardrail.name: canary}), SideLook({guardrail.name: stable}))


def shortfall(evidence: RolloutEvidence, finding: Finding, alpha: float) -> float:
    """How far the log e-value of the only guardrail is from what is needed; at most 0: it is there."""
    if finding == "harm":
        return -math.log(alpha) - evidence.parts[0].peak
    return -math.log(alpha) - evidence.judge()[0].log_e_within


def expected_requests(
    guardrail: Guardrail, alpha: float, rates: Rates, weight: float, finding: Finding
) -> float:
    """Canary requests at ``weight`` percent until the finding, with expected counts all along.

    ``alpha`` is the guardrail's own. Infinite where ``MOST_REQUESTS`` do not suffice. The
    expectation of the e-value's logarithm is at most its value at expected counts, so a random
    history needs somewhat more on average: ``crossings`` draws them.
    """
    start = RolloutEvidence.start((guardrail,), alpha)
    others = (100 - weight) / weight

    def lacks(requests: float) -> bool:
        canary = Count(requests * rates.canary, requests)
        stable = Count(requests * others * rates.stable, requests * others)
        return shortfall(start.look(look(guardrail, canary, stable)), finding, alpha) > 0

    high = 1.0
    while lacks(high):
        high *= 2
        if high > MOST_REQUESTS:
            return math.inf
    low = high / 2
    while high > 1.01 * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if lacks(middle) else (low, middle)
    return high
