"""What is left of a tuned rate of false rollbacks where the traffic is not what it was tuned on."""

from dataclasses import dataclass

import numpy as np

from tests.bench.rollout import tuning
from tests.bench.rollout.drawn import Drawn, draw
from tests.bench.rollout.tuned import MINUTES, SHIPPED, TUNED_MARGIN
from tests.bench.rollout.tuning import Rule, served

WEIGHT, BASE = 20, 0.005
#: The peers' parameters are those that catch five times the errors soonest.
RATIO = 5
DAY = 24 * 60
#: In one minute of ten both sides err twenty times as often.
SHOCK = (0.1, 20.0)


@dataclass(frozen=True)
class Kept:
    """Parts of the fine versions that a rule rolls back, over as many minutes."""

    title: str
    hour: float
    day: float
    shaken: float


def measure(rollouts: int, random: np.random.Generator) -> list[Kept]:
    """All rules, tuned on an hour of steady traffic."""
    fine = draw(4 * rollouts, MINUTES, WEIGHT, BASE, BASE, random)
    bad = draw(rollouts, MINUTES, WEIGHT, RATIO * BASE, BASE, random)
    rules: dict[str, Rule] = {
        "Trellis, as shipped": SHIPPED,
        "Trellis, tuned": tuning.trellis(fine, TUNED_MARGIN),
        "Flagger, tuned": _best(tuning.flagger(fine, BASE), bad),
        "Argo Rollouts, tuned": _best(tuning.argo(fine, BASE), bad),
    }
    hour = draw(rollouts, MINUTES, WEIGHT, BASE, BASE, random)
    day = draw(rollouts // 4, DAY, WEIGHT, BASE, BASE, random)
    shaken = draw(rollouts, MINUTES, WEIGHT, BASE, BASE, random, shock=SHOCK)
    return [
        Kept(title, *(float((rule.rollbacks(drawn) > 0).mean()) for drawn in (hour, day, shaken)))
        for title, rule in rules.items()
    ]


def _best(rules: list[Rule], bad: Drawn) -> Rule:
    return min(rules, key=lambda rule: served(bad, rule.rollbacks(bad)))
