"""What the manifests ask for, made so: revisions run, ready ones get traffic, old ones drain.

One loop does it all, woken by every change: decide (`revisions`, pure), save, publish, and
only then stop what the gateway no longer uses.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from trellis.local import revisions
from trellis.local.custom_resources import Experiment, Rollout
from trellis.local.events import Events
from trellis.local.experiment_book import ExperimentBook
from trellis.local.inference_service import InferenceService
from trellis.local.revisions import ServiceState
from trellis.local.rollout_book import RolloutBook
from trellis.local.state import LocalState, StateFolder
from trellis.local.supervisor import Supervisor
from trellis.rollout.compile import Trial, WeightedRevision, compile_table
from trellis.rollout.events.trial import LEAST_WINDOW_SECONDS, longest_window
from trellis.rollout.experiments.assignment import Assignment
from trellis.rollout.http.tables import TableServer

#: A gateway that takes no table for so long does not keep old revisions alive.
_GATEWAY_SECONDS = 10.0
#: For requests that the gateway had assigned but not sent when it took the new table.
_LAST_REQUESTS_SECONDS = 0.5
#: A service that hangs at its start keeps the others waiting for the first table no longer.
_FIRST_TABLE_SECONDS = 45.0


class Fleet:
    """The desired services and their way to the routing table."""

    def __init__(
        self,
        folder: StateFolder,
        state: LocalState,
        tables: TableServer,
        events: Events,
        models: Path,
        default_model: str | None,
    ) -> None:
        self._folder, self._saved = folder, state
        self._tables, self._events = tables, events
        self._default_model = default_model
        self.models = models
        self.supervisor = Supervisor(models, folder.logs, events, self.wake)
        self.services: dict[str, ServiceState] = {}
        self.experiments = ExperimentBook.recall(state.experiments, state.experiment_records)
        self.rollouts = RolloutBook.recall(state.rollouts, state.commands, state.generations)
        self.desired: list[str] = []
        self._admitted: set[str] = set()  #: services that may be in the table
        self._wake = asyncio.Event()
        self._saving = asyncio.Lock()
        self._open = False  #: whether a table may be published

    def wake(self) -> None:
        """Look again: something changed."""
        self._wake.set()

    def apply(
        self,
        wanted: Sequence[InferenceService],
        rollouts: Sequence[Rollout] = (),
        experiments: Sequence[Experiment] = (),
    ) -> None:
        """Take what the manifests say now; services they no longer name are drained."""
        self.rollouts.take(rollouts)
        self.experiments.take(experiments)
        names = [service.name for service in wanted]
        # All before any is taken: what one of them makes fail changes none.
        states = {
            service.name: revisions.admit(
                self._known(service.name),
                service.template,
                service.canary_percent,
                governed=name is not None,
                trial=name is not None and self.rollouts.specs[name].same_version == "trial",
            )
            for service in wanted
            for name in (self.rollouts.of_service(service.name),)
        }
        for gone in set(self.desired) - set(names):
            self._admitted.discard(gone)
            self._events.add(f"{gone} is in no manifest any more: draining it")
        for name, after in states.items():
            before = self._known(name)
            self.services[name] = after
            if before.created and after != before:
                self._tell_spec(before, after)
        self.desired = names
        if self._default_model is None and names:
            self._default_model = names[0]
        self.wake()

    async def save(self) -> None:
        """Have what is known on disk when this returns."""
        await self._save({})

    @property
    def gateways_behind(self) -> int:
        """Followers of the routing table that do not hold it as it is now."""
        return self._tables.behind

    async def put(self, *states: ServiceState) -> None:
        """Take what a person, or an experiment, asked of services; it is on disk when this returns."""
        self.services.update({state.name: state for state in states})
        await self._save({})
        self.wake()

    def weights(self, service: str) -> dict[str, float]:
        """Share of units by revision, 0 to 1, as the published table has them."""
        table = self._saved.table
        route = table.models.get(service) if table else None
        return {arm.revision: arm.weight for arm in route.arms} if route else {}

    async def run(self) -> None:
        """Make it so, again after every change, until cancelled."""
        loop = asyncio.get_running_loop()
        late = loop.call_later(_FIRST_TABLE_SECONDS, self._open_late)
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._once()
        finally:
            late.cancel()

    def _open_late(self) -> None:
        self._open = True
        self.wake()

    @property
    def complete(self) -> bool:
        """Whether every service answers, or will not without help."""
        return all(name in self._admitted or self._hopeless(name) for name in self.desired)

    @property
    def waiting_for(self) -> list[str]:
        """Services that do not answer yet."""
        return [name for name in self.desired if name not in self._admitted]

    def _known(self, name: str) -> ServiceState:
        if name in self.services:
            return self.services[name]
        return self._saved.services.get(name) or ServiceState(name=name)

    async def _once(self) -> None:
        for name in self.desired:
            for revision in revisions.running(self.services[name]):
                self.supervisor.ensure(name, revision)
        for name in self.desired:
            self._settle(name)
        await self._save_and_publish()
        self._stop_unused()

    def _settle(self, name: str) -> None:
        ready, failed = self.supervisor.ready(), self.supervisor.failed()
        before = after = self.services[name]
        if name not in self._admitted and before.traffic:
            # A restart: the shares of before hold until each revision is up, or is not to come.
            if not {*before.traffic, *self._assigned(name)} <= ready | failed:
                return
            after = revisions.without_failed(before, failed, ready)
        after = revisions.settle(after, ready)
        carriers = {revision for revision, share in after.traffic.items() if share > 0}
        if carriers and carriers <= ready:
            self._admitted.add(name)
        self.services[name] = after
        if before.traffic and after.traffic != before.traffic:
            self._events.add(f"{name}: {traffic_words(after)}")

    def _hopeless(self, name: str) -> bool:
        running = {revision.name for revision in revisions.running(self.services[name])}
        return running <= self.supervisor.failed()

    async def _save_and_publish(self) -> None:
        table, routes = self._saved.table, self._saved.routes
        # The first table waits for all, or early requests for a late model would meet a 404.
        self._open = self._open or self.complete
        # The gateway waits for its first table; after that an empty one too is news.
        due = self._open and (bool(self._admitted) or table is not None)
        if due:
            admitted = [name for name in self.desired if name in self._admitted]
            assigned = {name: self._carried(name) for name in admitted}
            models = {name: self._arms(name, assigned[name]) for name in admitted}
            trials = {name: _trial(on) for name, on in assigned.items() if on is not None}
            table = compile_table(
                models, self._default_model, table, routes, trials, self._recorded(admitted)
            )
            routes = {**routes, **{route.salt: route for route in table.models.values()}}
        # On disk before the gateway acts on it: a crash in between moves nobody twice.
        await self._save({"table": table, "routes": routes})
        if due and table is not None:
            await self._tables.publish(table)

    async def _save(self, changed: Mapping[str, object]) -> None:
        async with self._saving:
            state = self._saved.model_copy(
                update={
                    "services": {**self._saved.services, **self.services},
                    "experiments": dict(self.experiments.asked),
                    "experiment_records": dict(self.experiments.records),
                    "rollouts": dict(self.rollouts.statuses),
                    "commands": dict(self.rollouts.commands),
                    "generations": dict(self.rollouts.generations),
                    **changed,
                }
            )
            if state != self._saved:
                await asyncio.to_thread(self._folder.save, state)
                self._saved = state

    def _assigned(self, model: str) -> list[str]:
        """Revisions with a process that an experiment gives units of a model."""
        assigned = self.experiments.assignment(model)
        arms = assigned.arms if assigned else ()
        children = self.supervisor.children
        return [arm.revision for arm in arms if arm.weight and arm.revision in children]

    def _carried(self, model: str) -> Assignment | None:
        """What an experiment asks of a model's route; none until each revision that is to get units
        has told what it is.
        """
        assigned = self.experiments.assignment(model)
        if assigned is None:
            return None
        ready = self.supervisor.ready()
        return assigned if all(a.revision in ready for a in assigned.arms if a.weight) else None

    def _recorded(self, names: Sequence[str]) -> dict[str, float]:
        """Attribution windows, in seconds, of services whose exposures a Rollout weighs."""
        windows = {}
        for name in names:
            rollout = self.rollouts.of_service(name)
            if rollout is not None:
                rails = self.rollouts.specs[rollout].guardrails
                windows[name] = longest_window(rails) or LEAST_WINDOW_SECONDS
        return windows

    def _arms(self, name: str, assigned: Assignment | None) -> list[WeightedRevision]:
        """The ready revisions of a service; one without traffic can be asked for by version. An
        experiment's weights go before the service's, and its arms may be other services'.
        """
        state = self.services[name]
        shares: Mapping[str, float] = assigned.shares if assigned else state.traffic
        own = [revision.name for revision in revisions.running(state)]
        others = [revision for revision in shares if revision not in own]
        arms = []
        for revision in (*own, *others):
            share = shares.get(revision, 0)
            facts = self.supervisor.facts.get(revision)
            if facts is None or (share == 0 and revision not in self.supervisor.ready()):
                continue
            child = self.supervisor.children[revision]
            role = revisions.role(state, revision)
            arms.append(
                WeightedRevision(
                    url=child.url,
                    grpc_address=child.grpc_address,
                    model=self.supervisor.answers_to(revision),
                    version=facts.version,
                    revision=revision,
                    fingerprint=facts.fingerprint,
                    role="arm" if assigned and revision in shares and role != "stable" else role,
                    weight=share,
                )
            )
        return arms

    def _stop_unused(self) -> None:
        used = {
            revision.name
            for name in self.desired
            for revision in revisions.running(self.services[name])
        }
        if self._saved.table is not None:  # an edit may have come since it was published
            routes = self._saved.table.models.values()
            used.update(arm.revision for route in routes for arm in route.arms)
        unused = [name for name in self.supervisor.children if name not in used]
        self.supervisor.drop(unused, self._until_unrouted)

    async def _until_unrouted(self) -> None:
        await self._tables.until_in_use(_GATEWAY_SECONDS)
        await asyncio.sleep(_LAST_REQUESTS_SECONDS)

    def _tell_spec(self, before: ServiceState, after: ServiceState) -> None:
        share = (
            "" if after.canary_percent is None else f", canaryTrafficPercent {after.canary_percent}"
        )
        if after.newest.name != before.newest.name:
            uri = after.newest.template.storage_uri
            source = f" from {uri}" if uri else ""
            self._events.add(f"{after.name}: new revision {after.newest.name}{source}{share}")
        else:
            self._events.add(f"{after.name}: same revision{share or ', no canaryTrafficPercent'}")


def _trial(assigned: Assignment) -> Trial:
    return Trial(assigned.experiment, assigned.strategy, assigned.attribution_window)


def traffic_words(state: ServiceState) -> str:
    """``tomato-00001 80 %, tomato-00002 20 %``."""
    shares = sorted(state.traffic.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share} %" for name, share in shares)
