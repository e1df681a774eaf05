"""One look at everything the dashboard shows; each part may fail by itself and says so."""

import asyncio
import time
from typing import NamedTuple

from trellis.contracts.control import RevisionState
from trellis.contracts.experiment import ExperimentStatus
from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.dashboard.figures import Figures, figures_of
from trellis.gateway.dashboard.machine import Machine, MachineWatch
from trellis.gateway.dashboard.source import Source, SourceDown
from trellis.gateway.dashboard.window import Who, Window
from trellis.gateway.errors import GatewayError, NotReady
from trellis.gateway.events.counts import experiment_status
from trellis.gateway.events.store import EventStore
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.jobs.types import Backlog, JobRecord
from trellis.gateway.router import Route, Router
from trellis.gateway.routing_table import TableHolder

#: Dead jobs that are listed.
MOST_DEAD = 50


class Jobs(NamedTuple):
    """The queue as it is now, with the jobs that were given up, the newest first.

    ``backlog`` is None where the viewer's key is for some models only: it tells of all together.
    """

    backlog: Backlog | None
    dead: tuple[JobRecord, ...]


class Revision(NamedTuple):
    """A row of the models' table: what the controller, else the routing table, says of it."""

    model: str
    state: RevisionState

    @property
    def who(self) -> Who:
        """As the metrics name it."""
        return self.model, self.state.version, self.state.revision


class Snapshot(NamedTuple):
    """``problems`` says in sentences which parts could not be had, by the panel's name.

    ``figures`` are those of ``window``. ``models`` are what the look was cut down to, None for all.
    """

    number: int
    time: float
    table_version: int | None
    revisions: tuple[Revision, ...]
    window: Window | None
    figures: Figures | None
    experiments: tuple[ExperimentStatus, ...] | None
    jobs: Jobs | None
    machine: Machine
    problems: dict[str, str]
    models: frozenset[str] | None = None


class Looker:
    """Looks at all parts at once; a part that this gateway does not have is None."""

    def __init__(
        self,
        holder: TableHolder,
        source: Source | None,
        controller: ControllerClient,
        events: EventStore | None,
        jobs: JobStore | None,
    ) -> None:
        self._holder = holder
        self._source = source
        self._controller = controller
        self._events = events
        self._store = jobs
        self._machine = MachineWatch()
        self._number = 0

    async def look(self) -> Snapshot:
        """Look once; never raises for a part that is down."""
        problems: dict[str, str] = {}
        revisions, window, experiments, jobs, machine = await asyncio.gather(
            self._revisions(problems),
            self._window(problems),
            self._statuses(problems),
            self._jobs(problems),
            self._machine.look(),
        )
        self._number += 1
        router = self._router()
        return Snapshot(
            number=self._number,
            time=time.time(),
            table_version=router.table_version if router else None,
            revisions=revisions,
            window=window,
            figures=None if window is None else figures_of(window),
            experiments=experiments,
            jobs=jobs,
            machine=machine,
            problems=problems,
        )

    def _router(self) -> Router | None:
        try:
            return self._holder.router
        except NotReady:
            return None

    async def _revisions(self, problems: dict[str, str]) -> tuple[Revision, ...]:
        router = self._router()
        if self._controller.set_up:
            try:
                states = await self._controller.models()
            except GatewayError as error:
                problems["models"] = str(error)
            else:
                return tuple(
                    Revision(model.name, state)
                    for model in states.models
                    for state in model.revisions
                )
        if router is None:
            return ()
        return tuple(
            Revision(
                name,
                RevisionState(
                    version=target.arm.version,
                    revision=target.arm.revision,
                    role=target.arm.role,
                    weight=target.arm.weight,
                    ready=True,
                ),
            )
            for name, route in sorted(router.routes.items())
            for target in route.targets
        )

    async def _window(self, problems: dict[str, str]) -> Window | None:
        if self._source is None:
            return None
        try:
            return await self._source.window()
        except SourceDown as error:
            problems["traffic"] = str(error)
            return None

    async def _statuses(self, problems: dict[str, str]) -> tuple[ExperimentStatus, ...] | None:
        """The experiments that a route names now, with what they met."""
        router = self._router()
        if self._events is None:
            return None
        found = []
        for name, routes in experiments_of(router).items():
            try:
                counts = await self._events.counts(name)
            except GatewayError as error:
                problems["experiments"] = str(error)
                return None
            arms = [arm for route in routes.values() for arm in route.rules.arms]
            found.append(experiment_status(name, routes, arms, counts))
        return tuple(found)

    async def _jobs(self, problems: dict[str, str]) -> Jobs | None:
        if self._store is None:
            return None
        try:
            backlog = await self._store.backlog()
            dead = await self._store.listed("dead", MOST_DEAD) if backlog.dead else []
        except GatewayError as error:
            problems["jobs"] = str(error)
            return None
        return Jobs(backlog, tuple(dead))


def experiments_of(router: Router | None) -> dict[str, dict[str, Route]]:
    """The routes by model of each experiment that any route names."""
    found: dict[str, dict[str, Route]] = {}
    for model, route in sorted(router.routes.items()) if router else ():
        if route.rules.experiment is not None:
            found.setdefault(route.rules.experiment, {})[model] = route
    return found
