"""Requests and hours until the shipped rollout finds something, as ``trellis plan`` tells them."""

from dataclasses import dataclass

from tests.bench.rollout.drawn import REQUESTS_PER_SECOND
from tests.bench.rollout.tuned import BASES, WEIGHTS
from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.planning.outlook import WeightOutlook, outlook
from trellis.rollout.planning.rates import Regression

RATIOS = (3.0, 10.0)
_SPEC = RolloutSpec(inference_service="bench")


@dataclass(frozen=True)
class Delay:
    """At one rate of stable's errors and one weight."""

    base: float
    weight: int
    by_ratio: tuple[WeightOutlook, ...]

    def hours(self, requests: float) -> float:
        """Until the canary has answered so many."""
        return requests / (REQUESTS_PER_SECOND * self.weight / 100) / 3600


def measure() -> list[Delay]:
    """All of them; seeded, so each run says the same."""
    found = []
    for base in BASES:
        by_ratio = [
            outlook(_SPEC, {"errors": base}, REQUESTS_PER_SECOND, Regression(ratio=ratio), WEIGHTS)
            for ratio in RATIOS
        ]
        found += [
            Delay(base, weight, tuple(one.weights[place] for one in by_ratio))
            for place, weight in enumerate(WEIGHTS)
        ]
    return found
