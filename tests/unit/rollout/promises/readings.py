"""Ways to count what users who return have done, the right one and three wrong ones."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.unit.rollout.promises.histories import Counts
from tests.unit.rollout.promises.many import followed
from trellis.contracts.rollout import Guardrail
from trellis.rollout.simulate.behaviour import Behaviour, Population, Traffic
from trellis.rollout.simulate.units import Moves, UnitTraffic

ALPHA = 0.05
MARGIN = 1.01
ERRORS = Guardrail(metric="errors")

#: A weight and what users did at it, look by look.
Story = list[tuple[int, Moves]]
#: From a story to the four counts of each look.
Reading = Callable[[Story], Iterable[list[int]]]


def by_user(story: Story) -> Iterable[list[int]]:
    """As the evidence has it: first errors of users who sent something and had none before."""
    return (sides(move, move.at_risk, move.at_risk & (move.events > 0)) for _, move in story)


def by_request(story: Story) -> Iterable[list[int]]:
    """The naive way: requests as if each had been split by itself."""
    for _, move in story:
        requests, errors = move.requests, move.events
        yield [
            number
            for here in (move.on_canary, ~move.on_canary)
            for number in (int(requests[here].sum()), int(errors[here].sum()))
        ]


def by_user_and_stage(story: Story) -> Iterable[list[int]]:
    """A user's first error in each stage: the same users err on the canary in all stages."""
    weight, had = 0, np.zeros(0, bool)
    for now, move in story:
        if now != weight:
            weight, had = now, np.zeros(move.events.size, bool)
        risk = (move.requests > 0) & ~had
        yield sides(move, risk, risk & (move.events > 0))
        had = had | (move.events > 0)


def by_all_users_met(story: Story) -> Iterable[list[int]]:
    """At risk is whoever the side has ever met: the canary met only the busy ones so far."""
    size = story[0][1].events.size
    met, had = (np.zeros(size, bool), np.zeros(size, bool)), np.zeros(size, bool)
    for _, move in story:
        sent = move.requests > 0
        met = met[0] | (sent & move.on_canary), met[1] | (sent & ~move.on_canary)
        risk = np.where(move.on_canary, *met) & ~had
        yield sides(move, risk, move.at_risk & (move.events > 0))
        had = had | (move.events > 0)


def sides(move: Moves, risk: NDArray[np.bool_], erred: NDArray[np.bool_]) -> list[int]:
    """Users at risk and those who erred, canary first."""
    return [
        int((chosen & here).sum())
        for here in (move.on_canary, ~move.on_canary)
        for chosen in (risk, erred)
    ]


def rollbacks(stories: list[Story], reading: Reading, margin: float = MARGIN) -> int:
    """How many of the rollouts harm is called in."""
    rows = np.array([list(reading(story)) for story in stories])
    harm, _ = followed(Counts(*(rows[:, :, column] for column in range(4))), margin, 1 / ALPHA)
    return int((harm.first > 0).sum())


@dataclass(frozen=True)
class Users:
    """A rollout among users: ``looks`` of ``span`` seconds at each of the weights."""

    population: Population
    weights: tuple[int, ...]
    looks: int
    span: float
    error_rate: float = 0.0

    def stories(self, rollouts: int) -> list[Story]:
        """As many as asked for; the same ones each time."""
        behaviour = Behaviour(error_rate=self.error_rate)
        traffic = Traffic(behaviour, behaviour, 10, self.population)
        return [self._story(traffic, seed) for seed in range(rollouts)]

    def _story(self, traffic: Traffic, seed: int) -> Story:
        users = UnitTraffic((ERRORS,), traffic, np.random.default_rng(seed))
        return [
            (weight, users.moves(weight, self.span)["errors"])
            for weight in self.weights
            for _ in range(self.looks)
        ]


RAMP = (1, 5, 20, 50)
#: A tenth of all users fail in most of their requests.
CLUSTERED = Users(Population(600, prone=0.1, canary_prone=0.1, prone_error_rate=0.6), RAMP, 15, 10)
#: The same in fourteen short stages.
STAGED = Users(
    Population(400, 0.5, prone=0.1, canary_prone=0.1, prone_error_rate=0.8),
    tuple(range(20, 34)),
    4,
    30,
)
#: Errors by chance, among users of whom most are quiet and few are busy.
UNEVEN = Users(Population(2000, 2.0), RAMP, 10, 20, error_rate=0.02)
