"""What one version's requests of one look bring, drawn at random."""

import numpy as np

from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count, Moments
from trellis.rollout.simulate.behaviour import Behaviour, LogNormal


def count(
    guardrail: Guardrail, behaviour: Behaviour, total: float, random: np.random.Generator
) -> Count:
    """Events among ``total`` requests, or in ``total`` seconds of pods for restarts."""
    rate = behaviour.rate(guardrail)
    if guardrail.metric == "restarts":
        return Count(float(random.poisson(rate * total)), total)
    return Count(float(random.binomial(int(total), min(1.0, rate))), total)


def moments(
    guardrail: Guardrail, behaviour: Behaviour, number: int, random: np.random.Generator
) -> Moments:
    """Of ``number`` values: durations in seconds, or scores."""
    if guardrail.metric == "meanLatency":
        values = durations(behaviour.latency, number, random)
    else:
        values = random.normal(behaviour.score_mean, behaviour.score_deviation, number)
    return Moments(number, float(values.sum()), float((values**2).sum()))


def durations(
    latency: LogNormal, number: int, random: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of ``number`` requests, in seconds."""
    return random.lognormal(np.log(latency.median), latency.spread, number)
