"""Bad canary requests of each rule when all are tuned to the same rate of false rollbacks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.bench.rollout import tuning
from tests.bench.rollout.drawn import Drawn, draw
from tests.bench.rollout.ours import as_shipped
from tests.bench.rollout.tuning import Rule, served

WEIGHTS = (5, 20, 50)
BASES = (0.001, 0.005, 0.02)
#: Multiples of stable's errors; the last stands for half of all requests.
RATIOS = (3.0, 5.0, 10.0)
HALF = 0.5
MINUTES = 60
#: A margin near 1: the peers' rules are tuned without any.
TUNED_MARGIN = 1.1
SHIPPED = as_shipped()


@dataclass(frozen=True)
class Cell:
    """Mean canary requests until the rollback, or of the hour where none came, by rule."""

    weight: int
    base: float
    canary: float
    trellis: float
    shipped: float
    flagger: float
    argo: float

    @property
    def reached(self) -> bool:
        """Whether ours lets no more bad requests through than either; a hundredth is noise."""
        return self.trellis <= 1.01 * min(self.flagger, self.argo)


def measure(rollouts: int, random: np.random.Generator, tell: Callable[[str], None]) -> list[Cell]:
    """All cells. Each peer has in each cell the threshold and limit that serve it best there."""
    cells = []
    for weight in WEIGHTS:
        for base in BASES:
            tell(f"weight {weight} %, stable's errors {100 * base:g} %")
            fine = draw(2 * rollouts, MINUTES, weight, base, base, random)
            flagger, argo = tuning.flagger(fine, base), tuning.argo(fine, base)
            ours = tuning.trellis(fine, TUNED_MARGIN)
            for canary in (*(ratio * base for ratio in RATIOS), HALF):
                bad = draw(rollouts, MINUTES, weight, canary, base, random)
                cells.append(
                    Cell(
                        weight,
                        base,
                        canary,
                        _served(ours, bad),
                        _served(SHIPPED, bad),
                        min(_served(rule, bad) for rule in flagger),
                        min(_served(rule, bad) for rule in argo),
                    )
                )
    return cells


def _served(rule: Rule, bad: Drawn) -> float:
    return served(bad, rule.rollbacks(bad))
