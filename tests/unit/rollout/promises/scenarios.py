"""Traffic under which a version stands at its very margin."""

from typing import NamedTuple

import numpy as np

from tests.unit.rollout.promises.histories import counted, finest_looks, stable_rates
from tests.unit.rollout.promises.many import followed

RAMP = (1, 5, 20, 50)


class Scenario(NamedTuple):
    """``looks`` at each of the weights; stable's ``rate`` of errors, twenty times as high in a part
    ``bad`` of all spells.
    """

    weights: tuple[int, ...]
    looks: int
    rate: float
    bad: float = 0.0

    def calls(self, margin: float, alpha: float, rollouts: int) -> tuple[int, int]:
        """In how many rollouts harm, and within, are ever called at a ratio of just ``margin``."""
        random = np.random.default_rng(20)
        totals = finest_looks(rollouts, self.looks, self.weights, random)
        rates = stable_rates(totals[0].shape, self.rate, self.bad, random)
        harm, within = followed(counted(totals, rates, margin, random), margin, 1 / alpha)
        return int((harm.first > 0).sum()), int((within.first > 0).sum())


SCENARIOS = {
    "50/50": Scenario((50,), 1500, 0.02),
    "95/5": Scenario((5,), 1200, 0.005),
    "99/1": Scenario((1,), 400, 0.005),
    "ramp": Scenario(RAMP, 400, 0.01),
    "rare errors": Scenario((5,), 2000, 0.001),
    "shocks that both sides share": Scenario(RAMP, 300, 0.01, 0.1),
}
