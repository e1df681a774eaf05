"""One rollout's own part of the events: what is to be counted for it, and what there is of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from trellis.contracts.rollout import Guardrail
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.events.looks import blind_look, looks_of
from trellis.rollout.events.store import EventsDown, FoldStore
from trellis.rollout.events.watch import Watch, measures_of
from trellis.rollout.looks import Look
from trellis.rollout.metrics.snapshot import Side


class UnitNews(NamedTuple):
    """Looks by unit in their order, and the number up to which they reach."""

    looks: tuple[Look, ...]
    reached: int


class TrialEvents:
    """Of all rollouts of one place, over their durable Redis; ``by_tag`` where gateways split by unit,
    so that there is no other evidence of errors and latency.
    """

    def __init__(self, store: FoldStore, *, by_tag: bool = False) -> None:
        self._store, self._by_tag = store, by_tag
        self._watches: dict[str, Watch] = {}

    async def expect(
        self,
        trial: str,
        model: str,
        sides: Mapping[str, Side],
        shares: Mapping[str, float],
        guardrails: Sequence[Guardrail],
    ) -> None:
        """Count for ``trial`` what units of these ``shares``, by revision, tell from now on.

        To be called before the routing table has them. Raises ``EventsDown``.
        """
        before = self._watches.get(trial) or await self._store.stored(trial)
        wanted = Watch(
            name=trial,
            model=model,
            sides=dict(sides),
            era=before.era if before else 0,
            shares=dict(shares),
            measures=measures_of(guardrails),
        )
        if before is not None and wanted != before:
            wanted = wanted.model_copy(update={"era": before.era + 1})
        if wanted != before:
            await self._store.watch(wanted)
        self._watches[trial] = wanted

    async def news(self, trial: str, after: int, guardrails: Sequence[Guardrail]) -> UnitNews:
        """What was counted since number ``after``; where events cannot be read or some were lost, the
        last look is blind to what only they tell.
        """
        watch = self._watches.get(trial)
        try:
            watch = watch or await self._store.stored(trial)
            if watch is None:
                return UnitNews((), after)
            news = await self._store.news(watch, after)
        except EventsDown as error:
            blind = blind_look(guardrails, str(error), by_tag=self._by_tag)
            return UnitNews((blind,), after)
        looks = looks_of(news.blocks)
        if news.incomplete:
            looks = (*looks, blind_look(guardrails, news.incomplete))
        return UnitNews(looks, max((block.seq for block in news.blocks), default=after))

    async def stored(self, trial: str, up_to: int) -> None:
        """The evidence of all looks up to this number is safe elsewhere."""
        try:
            await self._store.forget(trial, up_to)
        except EventsDown:
            return  # it is told again, and known by its number

    async def drop(self, trial: str) -> None:
        """The trial is over. Raises ``EventsDown``."""
        self._watches.pop(trial, None)
        await self._store.drop(trial)


def trial_of(namespace: str, rollout: str, status: RolloutStatus) -> str | None:
    """The name of the trial under way, another for each that began; None where none is."""
    began = [entry.time for entry in status.history if entry.what in {"began", "superseded"}]
    if status.canary is None or not began:
        return None
    return f"rollout/{namespace}/{rollout}/{began[-1]:.3f}"
