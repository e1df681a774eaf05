"""Requests until evidence comes, in histories drawn at random."""

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trellis.contracts.rollout import Guardrail
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Count
from trellis.rollout.planning.expected import Finding, expected_requests, look, shortfall
from trellis.rollout.planning.rates import Rates

#: Each look has so many times the requests of all looks before it together.
_GROWTH = 0.15
#: From this part of the expected requests to this multiple of them.
_FIRST, _LAST = 1 / 16, 4.0


@lru_cache(maxsize=256)
def crossings(
    guardrail: Guardrail,
    alpha: float,
    rates: Rates,
    weight: float,
    finding: Finding,
    histories: int = 100,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Canary requests at ``weight`` percent until the finding, sorted, one element a history.

    Infinite where a history has not come to it within four times the expected requests. Between
    two looks the logarithm of the e-value is taken to rise evenly. The same seed gives the same.
    """
    expected = expected_requests(guardrail, alpha, rates, weight, finding)
    if math.isinf(expected):
        return _frozen([math.inf] * histories)
    sizes = [max(1.0, expected * _FIRST)]
    while sizes[-1] < _LAST * expected:
        sizes.append(max(sizes[-1] + 1, sizes[-1] * (1 + _GROWTH)))
    random = np.random.default_rng(seed)
    whole = [round(size) for size in sizes]
    return _frozen(
        _crossing(guardrail, alpha, rates, weight, finding, whole, random) for _ in range(histories)
    )


def _frozen(found: Iterable[float]) -> NDArray[np.float64]:
    """Sorted; read-only, since callers share what is remembered."""
    array = np.sort(np.fromiter(found, np.float64))
    array.flags.writeable = False
    return array


def _crossing(
    guardrail: Guardrail,
    alpha: float,
    rates: Rates,
    weight: float,
    finding: Finding,
    sizes: list[int],
    random: np.random.Generator,
) -> float:
    evidence = RolloutEvidence.start((guardrail,), alpha)
    before, lacked = 0, -math.log(alpha)
    for size in sizes:
        canary = size - before
        stable = int(random.poisson(canary * (100 - weight) / weight))
        evidence = evidence.look(
            look(
                guardrail,
                Count(int(random.binomial(canary, rates.canary)), canary),
                Count(int(random.binomial(stable, rates.stable)), stable),
            )
        )
        lacks = shortfall(evidence, finding, alpha)
        if lacks <= 0:
            return before + canary * lacked / (lacked - lacks)
        before, lacked = size, lacks
    return math.inf
