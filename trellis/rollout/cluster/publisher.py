"""Keeps the routing table of one namespace: compiled from the one before, saved, and only then offered."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping
from typing import Protocol

from pydantic import ValidationError

from trellis.contracts.routing_table import ModelRoute, RoutingTable
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.keeping import FingerprintOf
from trellis.rollout.cluster.rivals import Rivals
from trellis.rollout.cluster.routes import Known, Routes, routes_of, without_tags
from trellis.rollout.cluster.saved_table import Saved, SavedTable, TooLarge, still_remembered
from trellis.rollout.compile import compile_table
from trellis.rollout.errors import ApiRefused, ApiUnreachable, Conflict
from trellis.rollout.experiments.assignment import Assignment, assignment_of
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.http.tables import TableServer
from trellis.rollout.sticky import TagSplit
from trellis.telemetry.logs import get_logger

#: Seconds between two looks: services change in bursts. After a failure the next comes later.
LOOK_SECONDS, FAILURE_SECONDS = 1.0, 3.0
#: Seconds for which what is kept is listened for before it is asked for.
SAVED_SECONDS = 20.0
#: Seconds after which a table that could not be saved is saved again, whether or not anything changes.
AGAIN_SECONDS = 30.0
_CONFLICTS = 5


class World(Known, Protocol):
    """See ``Cluster``."""

    @property
    def experiments(self) -> Iterable[ExperimentFound]:
        """All Experiments."""
        ...

    @property
    def is_heard(self) -> bool:
        """Whether all of it is known as it is now."""
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
        fingerprint_of: FingerprintOf,
        recorded: Recorded = dict,
        split_of: Callable[[Key], TagSplit | None] = lambda _key: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._world, self._namespace, self._server = world, namespace, server
        self._saved, self._recorded, self._clock = saved, recorded, clock
        self._fingerprint_of, self._split_of = fingerprint_of, split_of
        self._table: RoutingTable | None = None
        self._written: RoutingTable | None = None  # the last that this process saved
        self._assignments: dict[Key, tuple[str, Assignment | None]] = {}
        self._left_out: Mapping[str, str] = {}
        self._told = set[str]()
        self._stirred = asyncio.Event()
        self._met = False  # whether what is offered goes on from what is kept
        self._rivals = Rivals()

    def stir(self) -> None:
        """Look again, soon."""
        self._stirred.set()

    async def follow(self, key: Key, assignment: Assignment | None) -> None:
        """See ``experiments.ports.Assignments``: the table is made of the statuses as they are heard."""
        self.stir()

    @property
    def table(self) -> RoutingTable | None:
        """The one that is offered; None before there is one."""
        return self._table

    @property
    def held(self) -> Mapping[str, int]:
        """The number of the table that each gateway holds, by its name."""
        return self._server.held()

    @property
    def is_complete(self) -> bool:
        """Whether every gateway has had the time to ask."""
        return self._server.is_complete

    async def run(self, listed: Callable[[], Awaitable[None]]) -> None:
        """Offer the saved table at once, and the one of what is known as soon as all is ``listed`` and
        whenever it is another, until cancelled.
        """
        await self._learned()
        await self._follow_kept(self._saved.present)
        await listed()
        while True:
            self._stirred.clear()
            try:
                await self.renew()
            except (ApiUnreachable, ApiRefused) as error:
                self._tell(f"the routing table stays as it was: {error}")
                await asyncio.sleep(FAILURE_SECONDS)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience()):
                    await self._stirred.wait()
            await asyncio.sleep(LOOK_SECONDS)

    async def _learned(self) -> None:
        """Wait until it is known what is kept, or that nobody may tell: a table of nothing known would
        lay all units out anew.
        """
        while not await self._saved.heard(SAVED_SECONDS):
            try:
                await self._saved.read()
            except (ApiUnreachable, ApiRefused) as error:
                if isinstance(error, ApiRefused) and error.status in {403, 404}:
                    self._tell(f"units may meet other arms: the saved table is not read: {error}")
                    return
                self._tell(f"no routing table before the saved one is known: {error}")
            else:
                return

    def _patience(self) -> float | None:
        """Seconds until the next look, where nothing changes meanwhile."""
        if not self._world.is_heard:
            return LOOK_SECONDS  # that all is heard again is told by nobody
        present = self._saved.present
        is_kept = present is not None and present.table == self._table
        return None if is_kept and not self._rivals.lead else AGAIN_SECONDS

    async def renew(self) -> None:
        """Offer the table of what is known now, where it is another; while what is known may be old, and
        for a while where others write theirs again and again, the kept one.

        Raises ``ApiUnreachable`` where it cannot be saved now, ``Missing`` where what is saved goes
        meanwhile, and ``Conflict`` where others write it all the time: the last one stays in use.
        """
        for _ in range(_CONFLICTS):
            present = self._saved.present
            previous = self._previous(present)
            if not self._world.is_heard or self._rivals.lead:
                await self._follow_kept(present, self._ended())
                return
            table, remembered = self._next(previous, present)
            self._compare(present, table)
            if self._rivals.lead:
                continue
            try:
                if present is None or present.table != table:
                    await self._saved.write(present, table, remembered)
                    self._written = table
                self._told.clear()
                self._met = True
            except Conflict:
                await self._saved.read()
                continue
            except (ApiRefused, TooLarge) as error:
                # Better a table that a restart forgets than none that follows.
                self._tell(f"the routing table is offered and cannot be saved: {error}")
            self._met = self._met or present is not None
            if table != self._table:
                await self._offer(table)
            return
        raise Conflict(409, "Conflict", "others write it all the time")

    def _previous(self, present: Saved | None) -> RoutingTable:
        """The table to go on from: what is saved, unless this process is ahead of it."""
        saved = present.table if present else None
        if present is not None and present.why:
            self._tell(f"the saved routing table is passed over: {present.why}")
        if saved is not None and self._table is not None and not self._met:
            # Offered while the kept one was unknown: units go back to where that has them.
            ahead = max(saved.version, self._table.version + 1)
            return saved.model_copy(update={"version": ahead})
        found = [table for table in (saved, self._table) if table is not None]
        if not found:
            # Numbers of a table that was lost must not come again: a gateway may hold it.
            return RoutingTable(version=int(self._clock()))
        return max(found, key=lambda table: table.version)

    def _ended(self) -> Container[str]:
        """Models whose units are not to be split any more: no host of a tag may be used for longer than
        it is meant, whatever else is not known now.
        """
        models = self._table.models if self._table else {}
        return {name for name in models if self._split_of((self._namespace, name)) is None}

    async def _follow_kept(self, present: Saved | None, ended: Container[str] = ()) -> None:
        """Offer the kept table, where this process is not ahead of it."""
        if present is None or present.table is None:
            return
        table = without_tags(self._previous(present), ended)
        self._met = True
        if table != self._table:
            await self._offer(table)

    def _compare(self, present: Saved | None, table: RoutingTable) -> None:
        """Tell of rivals, where what is kept is theirs."""
        kept = present.table if present else None
        if kept is None or kept in (self._table, self._written):
            return
        if kept == table:
            self._rivals.agreed()
        else:
            self._rivals.overwritten()
        if self._rivals.lead:
            self._tell("other controllers make other tables of the same: theirs is followed now")

    def _next(
        self, previous: RoutingTable, present: Saved | None
    ) -> tuple[RoutingTable, Mapping[str, ModelRoute]]:
        routes = routes_of(
            self._world,
            self._namespace,
            self._assigned(),
            previous,
            self._fingerprint_of,
            self._split_of,
        )
        self._tell_left_out(routes)
        before = dict(present.routes) if present else {}
        recorded = {m: w for m, w in self._recorded().items() if m not in routes.trials}
        table = compile_table(
            routes.models,
            None,
            previous,
            before,
            trials=routes.trials,
            recorded=recorded,
            salts=routes.salts,
        )
        return table, still_remembered(before, previous, table)

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
