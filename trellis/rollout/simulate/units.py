"""Invented looks under sticky traffic: users return to the version that they met."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trellis.contracts.rollout import COUNTED, Guardrail
from trellis.rollout.looks import Count, Look, SideLook
from trellis.rollout.simulate.behaviour import Behaviour, Population, Traffic


class Moves(NamedTuple):
    """What each user did in one look; arrays of one element a user.

    ``at_risk``: sent a request and had no event of this guardrail in the rollout before.
    """

    on_canary: NDArray[np.bool_]
    requests: NDArray[np.int64]
    events: NDArray[np.int64]
    at_risk: NDArray[np.bool_]


class UnitTraffic:
    """Look after look of one rollout; all chance comes from ``random``.

    A user stands at a fixed point of the line [0, 1) and is on the canary while the weight is over
    it, so whoever was on the canary stays there when the weight rises. Only counted guardrails are
    known by user; ``ValueError`` for another, for restarts too, which no user has.
    """

    def __init__(
        self, guardrails: Sequence[Guardrail], traffic: Traffic, random: np.random.Generator
    ) -> None:
        population = traffic.population or Population()
        for guardrail in guardrails:
            if guardrail.metric not in COUNTED or guardrail.metric == "restarts":
                raise ValueError(f"{guardrail.name} is not known by user")
        self._guardrails = tuple(guardrails)
        self._traffic, self._population, self._random = traffic, population, random
        self._point = random.random(population.users)
        self._proneness = random.random(population.users)
        activity = random.lognormal(0.0, population.activity_spread, population.users)
        self._rates = traffic.requests_per_second * activity / activity.sum()
        self._had = {guardrail.name: np.zeros(population.users, bool) for guardrail in guardrails}

    def moves(self, weight: float, span: float) -> dict[str, Moves]:
        """The next ``span`` seconds at ``weight`` percent, by the guardrail's name."""
        traffic, random = self._traffic, self._random
        shaken = random.random() < traffic.shocks.share
        on_canary = self._point < weight / 100
        requests = random.poisson(self._rates * span)
        found = {}
        for guardrail in self._guardrails:
            canary = self._failure(guardrail, traffic.canary, self._population.canary_prone)
            stable = self._failure(guardrail, traffic.stable, self._population.prone)
            rates = np.where(on_canary, canary, stable)
            if shaken and guardrail.metric == "errors":
                rates = rates * traffic.shocks.errors
            events = random.binomial(requests, np.minimum(rates, 1.0))
            had = self._had[guardrail.name]
            found[guardrail.name] = Moves(on_canary, requests, events, (requests > 0) & ~had)
            self._had[guardrail.name] = had | (events > 0)
        return found

    def look(self, weight: float, span: float) -> Look:
        """The next ``span`` seconds: users' first events among those at risk."""
        moves = self.moves(weight, span)
        canary, stable = (
            {name: _first(move, side) for name, move in moves.items()} for side in (True, False)
        )
        return Look("units", SideLook(canary), SideLook(stable))

    def _failure(
        self, guardrail: Guardrail, behaviour: Behaviour, prone: float
    ) -> NDArray[np.float64]:
        """Each user's events for each request."""
        rate = behaviour.rate(guardrail)
        if guardrail.metric != "errors":
            prone = 0.0
        return np.where(self._proneness < prone, self._population.prone_error_rate, rate)


def _first(move: Moves, side: bool) -> Count:
    here = move.at_risk & (move.on_canary == side)
    return Count(float((here & (move.events > 0)).sum()), float(here.sum()))
