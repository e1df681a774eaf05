"""Keeps the routing table of one namespace: compiled from the one before, saved, and only then offered."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol

from pydantic import ValidationError

from trellis.contracts.routing_table import ModelRoute, RoutingTable
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.routes import Known, Routes, routes_of
from trellis.rollout.cluster.saved_table import Saved, SavedTable, TooLarge
from trellis.rollout.compile import compile_table
from trellis.rollout.errors import ApiRefused, ApiUnreachable, Conflict
from trellis.rollout.experiments.assignment import Assignment, assignment_of
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.http.tables import TableServer
from trellis.telemetry.logs import get_logger

#: Seconds between two looks: services change in bursts. After a failure the next comes later.
LOOK_SECONDS, FAILURE_SECONDS = 1.0, 3.0
#: Seconds in which the saved table is waited for; after that units are laid out anew.
SAVED_SECONDS = 20.0
#: Routes of experiments that ended which are remembered, the newest.
MOST_REMEMBERED = 100
_CONFLICTS = 5


class World(Known, Protocol):
    """See ``Cluster``."""

    @property
    def experiments(self) -> Iterable[ExperimentFound]:
        """All Experiments."""
        ...


#: Attribution windows, in seconds, of models whose exposures a Rollout wants.
Recorded = Callable[[], Mapping[str, float]]


class TablePublisher:
    """``stir`` says that something changed of which the table is made."""

    def __init__(
        self,
        world: World,
        namespace: str,
        saved: SavedTable,
        server: TableServer,
        recorded: Recorded = dict,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._world, self._namespace, self._server = world, namespace, server
        self._saved, self._recorded, self._clock = saved, recorded, clock
        self._table: RoutingTable | None = None
        self._assignments: dict[Key, tuple[str, Assignment | None]] = {}
        self._left_out: Mapping[str, str] = {}
        self._told = set[str]()
        self._stirred = asyncio.Event()

    def stir(self) -> None:
        """Look again, soon."""
        self._stirred.set()

    async def follow(self, key: Key, assignment: Assignment | None) -> None:
        """See ``experiments.ports.Assignments``: the table is made of the statuses as they are heard."""
        self.stir()

    @property
    def version(self) -> int:
        """The number of the table that is offered; 0 before there is one."""
        return self._table.version if self._table else 0

    async def run(self, listed: Callable[[], Awaitable[None]]) -> None:
        """Offer the saved table at once, and the one of what is known as soon as all is ``listed`` and
        whenever it is another, until cancelled.
        """
        if not await self._saved.heard(SAVED_SECONDS):
            self._tell("the saved routing table cannot be read: units may meet other arms")
        present = self._saved.present
        if present is not None and present.table is not None:
            await self._offer(present.table)
        await listed()
        while True:
            self._stirred.clear()
            try:
                await self.renew()
            except (ApiUnreachable, ApiRefused) as error:
                self._tell(f"the routing table stays as it was: {error}")
                await asyncio.sleep(FAILURE_SECONDS)
                continue
            await self._stirred.wait()
            await asyncio.sleep(LOOK_SECONDS)

    async def renew(self) -> None:
        """Offer the table of what is known now, where it is another.

        Raises ``ApiUnreachable`` where it cannot be saved now, ``Missing`` where what is saved goes
        meanwhile, and ``Conflict`` where others write it all the time: the last one stays in use.
        """
        for _ in range(_CONFLICTS):
            present = self._saved.present
            previous = self._previous(present)
            table, remembered = self._next(previous, present)
            try:
                if present is None or present.table != table:
                    await self._saved.write(present, table, remembered)
                self._told.clear()
            except Conflict:
                await self._saved.read()
                continue
            except (ApiRefused, TooLarge) as error:
                # Better a table that a restart forgets than none that follows.
                self._tell(f"the routing table is offered and cannot be saved: {error}")
            if table != self._table:
                await self._offer(table)
            return
        raise Conflict(409, "Conflict", "others write it all the time")

    def _previous(self, present: Saved | None) -> RoutingTable:
        """The table to go on from: what is saved, unless this process is ahead of it."""
        saved = present.table if present else None
        if present is not None and present.why:
            self._tell(f"the saved routing table is passed over: {present.why}")
        found = [table for table in (saved, self._table) if table is not None]
        if not found:
            # Numbers of a table that was lost must not come again: a gateway may hold it.
            return RoutingTable(version=int(self._clock()))
        return max(found, key=lambda table: table.version)

    def _next(
        self, previous: RoutingTable, present: Saved | None
    ) -> tuple[RoutingTable, Mapping[str, ModelRoute]]:
        routes = routes_of(self._world, self._namespace, self._assigned(), previous)
        self._tell_left_out(routes)
        before = dict(present.routes) if present else {}
        recorded = {m: w for m, w in self._recorded().items() if m not in routes.trials}
        table = compile_table(
            routes.models,
            None,
            previous,
            remembered=before,
            trials=routes.trials,
            recorded=recorded,
        )
        return table, _remembered(before, previous, table)

    def _assigned(self) -> Iterator[Assignment]:
        """What Experiments' statuses ask for, the oldest's first."""
        mine = [found for found in self._world.experiments if found.key[0] == self._namespace]
        known, self._assignments = self._assignments, {}
        for found in sorted(mine, key=lambda found: (found.created, found.key)):
            token, assignment = known.get(found.key, ("", None))
            if token != found.token:
                assignment = _assignment(found)
            self._assignments[found.key] = found.token, assignment
            if assignment is not None and not found.deleting:
                yield assignment

    async def _offer(self, table: RoutingTable) -> None:
        self._table = table
        await self._server.publish(table)

    def _tell(self, words: str) -> None:
        """Once, until one was saved again."""
        if words not in self._told:
            get_logger().error("routing table", why=words)
        self._told.add(words)

    def _tell_left_out(self, routes: Routes) -> None:
        for model, why in routes.left_out.items():
            if model not in self._left_out:
                get_logger().warning("the table leaves a model out", model=model, why=why)
        self._left_out = routes.left_out


def _assignment(found: ExperimentFound) -> Assignment | None:
    try:
        return assignment_of(found.parsed_status())
    except ValidationError:  # another kind of controller wrote it
        return None


def _remembered(
    before: Mapping[str, ModelRoute], previous: RoutingTable, table: RoutingTable
) -> Mapping[str, ModelRoute]:
    """Routes among arms that the table has no longer: an experiment that comes back finds its units."""
    ended = {route.salt: route for route in previous.models.values() if len(route.arms) > 1}
    present = {route.salt for route in table.models.values()}
    kept = {s: route for s, route in {**before, **ended}.items() if s not in present}
    return dict(list(kept.items())[-MOST_REMEMBERED:])
