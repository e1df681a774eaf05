"""Harm that begins late: an e-process that may start again and pays for it in advance.

After a thousand good requests a product of likelihood ratios stands far below 1, and a canary
that breaks down only under its new weight would have to climb all the way back. So the wealth is
split beforehand, 0.8 to the first start and ``0.2 / (j (j + 1))`` to the j-th one after it. A
start is left where it stands once it has fallen to ``exp(-4)``, and the next one begins:

    E_t = sum_(j < J) pi_j M_j(stopped) + pi_J M_J(t) + sum_(j > J) pi_j

Each ``M_j`` is a non-negative supermartingale that begins with 1 at a stopping time, so their
weighted sum is one too (a mixture over the time of the change, as in Shin, Ramdas and Rinaldo,
"E-detectors", 2203.03532, here with weights that sum to 1, so that Ville's inequality
holds over the whole rollout). The price for harm from the start is ``log(1 / 0.8) = 0.22``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

FIRST = 0.8
_FALLEN = -4.0


@dataclass(frozen=True)
class Renewal:
    """How many starts were left (``number``), and their weighted sum (``spent``)."""

    number: int = 0
    spent: float = 0.0

    def _weights(self) -> tuple[float, float]:
        """Of the present start, and of all to come."""
        if self.number == 0:
            return FIRST, 1 - FIRST
        later = 1 - FIRST
        return later / (self.number * (self.number + 1)), later / (self.number + 1)

    def log_value(self, log_present: float) -> float:
        """The whole e-process, from the logarithm of the present start's."""
        present, to_come = self._weights()
        rest = math.log(self.spent + to_come)
        mine = math.log(present) + log_present
        top = max(rest, mine)
        return top + math.log(math.exp(rest - top) + math.exp(mine - top))

    def due(self, log_present: float) -> bool:
        """Whether the present start is to be left, which only the past decides."""
        return log_present <= _FALLEN

    def renewed(self, log_present: float) -> Self:
        """With the present start left as it stands; the next begins with 1."""
        present, _ = self._weights()
        return type(self)(self.number + 1, self.spent + present * math.exp(log_present))

    @classmethod
    def from_state(cls, state: Sequence[float]) -> Self:
        """From both fields. Raises ``ValueError`` where these are not two numbers."""
        number, spent = state
        return cls(int(number), float(spent))
