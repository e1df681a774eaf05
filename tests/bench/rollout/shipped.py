"""Both kinds of mistakes of each rule as its project ships or documents it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tests.bench.rollout.drawn import Drawn, draw
from tests.bench.rollout.ours import as_shipped, shipped_title
from tests.bench.rollout.peers import ArgoRollouts, Flagger
from tests.bench.rollout.tuning import Rule, served

#: 50 requests a minute at this weight, as the canary of a small service has them.
WEIGHT, CANARY_PER_MINUTE = 20.0, 50
STABLE_RATE = 0.005
#: Errors of the versions that are worse.
WORSE = (0.025, 0.2)
MINUTES = 60


@dataclass(frozen=True)
class Shipped:
    """A rule with its own parameters, and what becomes of a version that it does not roll back."""

    title: str
    rule: Rule
    otherwise: Literal["promoted", "held"]


RULES: Sequence[Shipped] = (
    Shipped(
        shipped_title(),
        as_shipped(),
        "held",
    ),
    Shipped(
        "Flagger, its canary example: `min: 99`, `threshold: 5`, five steps of a minute",
        Flagger(0.99, 5, 5),
        "promoted",
    ),
    Shipped(
        "Flagger, its A/B example: `min: 99`, `threshold: 2`, `iterations: 10`",
        Flagger(0.99, 2, 10),
        "promoted",
    ),
    Shipped(
        "Argo Rollouts, its example: `>= 0.95`, `failureLimit: 3`, each 5 min for 40 min",
        ArgoRollouts(0.95, 3, 8),
        "promoted",
    ),
    Shipped(
        "Argo Rollouts without `failureLimit`: `>= 0.99`, each minute for 10 min",
        ArgoRollouts(0.99, 0, 10, 60),
        "promoted",
    ),
)


@dataclass(frozen=True)
class Mistakes:
    """Of one rule: the part of fine versions that it rolls back, of worse ones that it does not, and
    the canary requests that each of these answered.
    """

    shipped: Shipped
    false_rollbacks: float
    missed: tuple[float, ...]
    bad_requests: tuple[float, ...]


def measure(rollouts: int, random: np.random.Generator) -> list[Mistakes]:
    """All rules on the same traffic."""
    fine, *worse = (_traffic(rollouts, rate, random) for rate in (STABLE_RATE, *WORSE))
    found = []
    for shipped in RULES:
        ends = [shipped.rule.rollbacks(bad) for bad in worse]
        found.append(
            Mistakes(
                shipped,
                float((shipped.rule.rollbacks(fine) > 0).mean()),
                tuple(float((end == 0).mean()) for end in ends),
                tuple(served(bad, end) for bad, end in zip(worse, ends, strict=True)),
            )
        )
    return found


def _traffic(rollouts: int, rate: float, random: np.random.Generator) -> Drawn:
    per_second = CANARY_PER_MINUTE / (WEIGHT / 100) / 60
    return draw(rollouts, MINUTES, WEIGHT, rate, STABLE_RATE, random, per_second)
