"""One rollout's own part of the events: what is to be counted for it, and what there is of it."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import Guardrail
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.events.looks import blind_look, looks_of
from trellis.rollout.events.store import EventsDown, FoldStore, Unreadable
from trellis.rollout.events.watch import RIPE, Measure, Watch, measures_of
from trellis.rollout.looks import Look
from trellis.rollout.metrics.snapshot import Side

#: Seconds within which requests follow a weight.
FOLLOWING_SECONDS = 3.0
#: Seconds for which a Redis that did not answer is not asked again.
AWAY_SECONDS = 2.0
#: The same as ``longest_window``, where exposures are wanted for what they tell at once alone.
LEAST_WINDOW_SECONDS = 3600.0


class UnitNews(NamedTuple):
    """Looks by unit in their order, the number up to which they reach, and how often units met an arm
    since the trial began, where that is known.
    """

    looks: tuple[Look, ...]
    reached: int
    exposures: int = 0


class TrialEvents:
    """Of all rollouts of one place, over their durable Redis.

    ``by_unit`` says of one that gateways split its units, so that there is no other evidence of their
    errors and latency. Else each request is split behind one host, and only what comes of it later is
    told by events: the rest is counted there.
    """

    def __init__(self, store: FoldStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._watches: dict[str, Watch] = {}  # the newest of each rollout
        self._away_until = 0.0

    async def expect(
        self,
        trial: str,
        model: str,
        sides: Mapping[str, Side],
        shares: Mapping[str, float],
        guardrails: Sequence[Guardrail],
        *,
        by_unit: bool,
    ) -> None:
        """Count for ``trial`` what units of these ``shares``, by revision, tell from now on.

        To be called before the routing table has them, or at the moment at which they are asked for.
        Raises ``EventsDown``.
        """
        measures = _measures(guardrails, by_unit=by_unit)
        if not measures:
            return
        wanted = Watch(
            name=trial,
            model=model,
            sides=dict(sides),
            era=0,
            shares=dict(shares),
            measures=measures,
            split="unit" if by_unit else "request",
            since=0.0 if by_unit else self._clock() + FOLLOWING_SECONDS,
        )
        async with self._bounded():
            await self._store.expect(wanted)
        self._watches[_rollout_of(trial)] = wanted

    async def news(
        self, trial: str, after: int, guardrails: Sequence[Guardrail], *, by_unit: bool
    ) -> UnitNews:
        """What was counted since number ``after``; where events cannot be read or some were lost, the
        last look is blind to what only they tell.
        """
        watch = self._watches.get(_rollout_of(trial))
        try:
            async with self._bounded():
                if watch is None or watch.name != trial:
                    watch = await self._store.stored(trial)
                if watch is None:
                    return UnitNews((), after)
                news = await self._store.news(watch, after)
        except EventsDown as error:
            blind = blind_look(guardrails, str(error), by_unit=by_unit)
            return UnitNews((blind,), after)
        looks = looks_of(news.blocks)
        if news.incomplete:
            looks = (*looks, blind_look(guardrails, news.incomplete))
        reached = max((block.seq for block in news.blocks), default=after)
        return UnitNews(looks, reached, sum(news.exposures.values()))

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """Let one call of all wait for a Redis that is away, not each rollout's."""
        if time.monotonic() < self._away_until:
            raise EventsDown("the events' Redis did not answer a moment ago")
        try:
            yield
        except Unreadable:
            raise
        except EventsDown:
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise

    async def stored(self, trial: str, up_to: int) -> None:
        """The evidence of all looks up to this number is safe elsewhere."""
        try:
            await self._store.forget(trial, up_to)
        except EventsDown:
            return  # it is told again, and known by its number


def _measures(guardrails: Sequence[Guardrail], *, by_unit: bool) -> tuple[Measure, ...]:
    """What only events tell."""
    measures = measures_of(guardrails)
    return measures if by_unit else tuple(m for m in measures if m.metric in RIPE)


def longest_window(guardrails: Sequence[Guardrail]) -> float | None:
    """Seconds for which it is kept what served a request; None where no guardrail waits for outcomes."""
    given = [seconds(r.attribution_window) for r in guardrails if r.attribution_window]
    return max(given, default=None)


def counted_for(namespace: str, rollout: str, status: RolloutStatus) -> str | None:
    """The name of the trial whose units are still to be counted; None where none is, or it is over."""
    over = status.phase in {"Idle", "Promoted", "RolledBack"}
    return None if over else trial_of(namespace, rollout, status)


def trial_of(namespace: str, rollout: str, status: RolloutStatus) -> str | None:
    """The name of the trial under way, another for each that began; None where none is."""
    began = [entry.time for entry in status.history if entry.what in {"began", "superseded"}]
    # The history has the newest entries alone, and an older controller wrote nothing else.
    moment = status.plan.get("trialAt", began[-1] if began else None)
    if status.canary is None or moment is None:
        return None
    return f"rollout/{namespace}/{rollout}/{moment:.3f}"


def _rollout_of(trial: str) -> str:
    """Without when it began, which alone tells two trials of one rollout apart."""
    return trial.rpartition("/")[0]
