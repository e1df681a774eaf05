"""Invented looks where each request is split by itself."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import COUNTED, Guardrail
from trellis.rollout.looks import Count, Look, Moments, SideLook
from trellis.rollout.simulate import draws
from trellis.rollout.simulate.behaviour import Behaviour, Shocks, Traffic


class _Sent(NamedTuple):
    """Requests to each side; ``at`` seconds of the rollout."""

    at: float
    canary: int
    stable: int


class RequestTraffic:
    """Look after look of one rollout; all chance comes from ``random``.

    ``warm_up`` seconds of a new pod's life are left out of latency, as the metrics do it.
    Conversions, wrong labels and scores are known when their attribution window has passed.
    """

    def __init__(
        self,
        guardrails: Sequence[Guardrail],
        traffic: Traffic,
        warm_up: float,
        random: np.random.Generator,
    ) -> None:
        self._guardrails = tuple(guardrails)
        self._traffic = traffic
        self._warm_up = warm_up
        self._random = random
        self._age = 0.0
        self._unripe: dict[str, deque[_Sent]] = {
            guardrail.name: deque() for guardrail in guardrails if guardrail.attribution_window
        }

    def look(self, weight: float, span: float) -> Look:
        """The next ``span`` seconds with ``weight`` percent of the requests on the canary."""
        traffic, random = self._traffic, self._random
        requests = int(random.poisson(traffic.requests_per_second * span))
        canary = int(random.binomial(requests, weight / 100))
        sent = _Sent(self._age, canary, requests - canary)
        cold = traffic.cold_start.factor if self._age < traffic.cold_start.seconds else 1.0
        shocks = traffic.shocks if random.random() < traffic.shocks.share else Shocks()
        behaviours = (_now(traffic.canary, cold, shocks), _now(traffic.stable, 1.0, shocks))
        totals = {
            guardrail.name: self._totals(guardrail, sent, weight, span)
            for guardrail in self._guardrails
        }
        self._age += span
        canary_side, stable_side = (self._side(side, behaviours[side], totals) for side in (0, 1))
        return Look("requests", canary_side, stable_side)

    def _totals(
        self, guardrail: Guardrail, sent: _Sent, weight: float, span: float
    ) -> tuple[int, int] | tuple[float, float]:
        """What the guardrail counts its events among, canary first."""
        if guardrail.metric == "restarts":
            pods = self._traffic.canary_pods if weight else 0
            return pods * span, self._traffic.stable_pods * span
        if guardrail.metric in {"latency", "meanLatency"} and self._age < self._warm_up:
            return 0, sent.stable
        if guardrail.attribution_window is None:
            return sent.canary, sent.stable
        waiting = self._unripe[guardrail.name]
        waiting.append(sent)
        ripe = self._age + span - seconds(guardrail.attribution_window)
        canary = stable = 0
        while waiting and waiting[0].at + span <= ripe:
            _, more_canary, more_stable = waiting.popleft()
            canary, stable = canary + more_canary, stable + more_stable
        return canary, stable

    def _side(
        self, side: int, behaviour: Behaviour, totals: dict[str, tuple[float, float]]
    ) -> SideLook:
        counts: dict[str, Count] = {}
        moments: dict[str, Moments] = {}
        for guardrail in self._guardrails:
            total = totals[guardrail.name][side]
            if guardrail.metric in COUNTED:
                counts[guardrail.name] = draws.count(guardrail, behaviour, total, self._random)
            else:
                moments[guardrail.name] = draws.moments(
                    guardrail, behaviour, int(total), self._random
                )
        return SideLook(counts, moments)


def _now(behaviour: Behaviour, cold: float, shocks: Shocks) -> Behaviour:
    return replace(
        behaviour,
        error_rate=min(1.0, behaviour.error_rate * shocks.errors),
        latency=behaviour.latency.slowed(cold * shocks.latency),
    )
