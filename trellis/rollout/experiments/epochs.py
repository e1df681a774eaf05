"""Weights of ``weighted``, epoch by epoch, pure.

Every arm keeps the floor; the rest is shared by the probability that each is best, as the past has it
(probability matching: Thompson 1933, by the epoch and not by the unit): drawn from Beta(1/2 + k, 1/2 + n - k)
of what ripened of the arm, of scores from the normal distribution about their mean. The draws steer
and prove nothing: what is proven comes of inverse propensities, whose weights need only be decided by
the past. Draws are seeded by the experiment, so that what differs between two epochs comes of what ripened
between them; two controllers with the same evidence draw alike, and the status has one epoch of them.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from trellis.contracts.amounts import seconds, share
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.looks import Moments

DRAWS = 2000
#: Largest change of a weight that moves no unit: what chance alone makes of so many draws, about.
STILL = 0.02
#: Values of an arm's scores before which it is drawn as if nothing were known of it.
FEWEST_SCORES = 10


@dataclass(frozen=True)
class Epoch:
    """``number`` from 1; ``began`` in seconds since 1970; ``weights`` sum to 1."""

    number: int
    began: float
    weights: Mapping[str, float]


def first_epoch(spec: ExperimentSpec, now: float) -> Epoch:
    """With the weights that the experiment is written with, and nobody below the floor."""
    return Epoch(1, now, _floored(spec, _written(spec)))


def next_epoch(
    name: str, spec: ExperimentSpec, epoch: Epoch, evidence: ExperimentEvidence, now: float
) -> Epoch:
    """The same until its time is over; a clock that went back only makes it longer.

    Its weights, too, are the same where none would change by more than ``STILL``, or nothing has ripened
    at all: units that change arms are worth nothing for the comparison.
    """
    if now - epoch.began < seconds(spec.epoch):
        return epoch
    ripe = any(of.number for of in evidence.ripe.values())
    wanted = probabilities_best(spec, evidence.ripe, seed=name) if ripe else _written(spec)
    weights = _floored(spec, wanted)
    if not _moved(spec, epoch.weights, weights):
        weights = dict(epoch.weights)
    return Epoch(epoch.number + 1, now, weights)


def _moved(spec: ExperimentSpec, before: Mapping[str, float], wanted: Mapping[str, float]) -> bool:
    """Whether the difference is worth it; always where the floor was raised above a weight."""
    low = min(before.values()) < share(spec.minimum_share) - 1e-9
    return low or any(abs(wanted[arm] - before[arm]) > STILL for arm in wanted)


def probabilities_best(
    spec: ExperimentSpec, ripe: Mapping[str, Moments], *, seed: str
) -> dict[str, float]:
    """By arm, in how many of the draws it was best.

    Each draw has a seed of its own, so that it is about the same where an arm is known a little better.
    """
    sign = -1 if spec.goal.better == "lower" else 1
    scores = spec.goal.kind == "score"
    unknown = scores and any(of.number < FEWEST_SCORES for of in ripe.values())
    if unknown:
        return dict.fromkeys(ripe, 1 / len(ripe))
    wins = dict.fromkeys(ripe, 0)
    for number in range(DRAWS):
        chance = random.Random(f"{seed}/{number}")
        drawn = {
            arm: sign * (_mean_drawn(chance, of) if scores else _share_drawn(chance, of))
            for arm, of in ripe.items()
        }
        wins[max(drawn, key=drawn.__getitem__)] += 1
    return {arm: won / DRAWS for arm, won in wins.items()}


def _written(spec: ExperimentSpec) -> dict[str, float]:
    """What the spec asks for, as parts of 1."""
    whole = sum(arm.weight for arm in spec.arms)
    return {arm.version: arm.weight / whole for arm in spec.arms}


def _share_drawn(chance: random.Random, of: Moments) -> float:
    return chance.betavariate(0.5 + of.total, 0.5 + of.number - of.total)


def _mean_drawn(chance: random.Random, of: Moments) -> float:
    mean = of.total / of.number
    variance = max(0.0, of.squares / of.number - mean**2)
    return chance.gauss(mean, math.sqrt(variance / of.number))


def _floored(spec: ExperimentSpec, wanted: Mapping[str, float]) -> dict[str, float]:
    floor = share(spec.minimum_share)
    rest = 1 - floor * len(wanted)
    return {arm: floor + rest * part for arm, part in wanted.items()}
