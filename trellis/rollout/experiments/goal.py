"""The arms by their goal: an interval of each, of its difference from the first, and which is best.

"Better" is made "higher" on the way in: of ``lower`` and of labels what counts is the rest, or the value
with the other sign.

- ``Rates``: shares at constant or changing weights, by look; a look lies within one era, where
  the weights were as the past had set them.
- ``Weighted``: shares under weights that follow the evidence, by inverse propensities: the era's shares.
- ``Scores``: differences of means by look; they have no bounds, which inverse propensities need.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.rollout.experiments.comparison import GoalEvidence
from trellis.rollout.experiments.rates import Rates
from trellis.rollout.experiments.scores import Scores
from trellis.rollout.experiments.weighted import Weighted


def start(spec: ExperimentSpec, arms: Sequence[str]) -> GoalEvidence:
    """Nothing seen yet, of the kind that the experiment needs."""
    if spec.goal.kind == "score":
        return Scores.start(arms)
    return Weighted.start(arms) if spec.strategy == "weighted" else Rates.start(arms)


def recall(spec: ExperimentSpec, arms: Sequence[str], state: Mapping[str, Any]) -> GoalEvidence:
    """What ``to_state`` gave. Raises ``ValueError``, ``KeyError`` or ``TypeError`` where it is none."""
    if spec.goal.kind == "score":
        return Scores.from_state(state, arms)
    of = Weighted if spec.strategy == "weighted" else Rates
    return of.from_state(state, arms)
