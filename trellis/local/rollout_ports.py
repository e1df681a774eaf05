"""What the controller's passes read and write of a local run: all of it is the fleet's."""

import time
from collections.abc import Sequence

from trellis.contracts.rollout import Guardrail, RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.local.child import ChildState
from trellis.local.events import Events
from trellis.local.fleet import Fleet
from trellis.local.revisions import Revision, weigh
from trellis.local.rollout_seen import service_seen, token
from trellis.local.versions import version_of
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.rollouts import Rollout, rollout
from trellis.rollout.errors import Conflict
from trellis.rollout.events.trial import TrialEvents, trial_of
from trellis.rollout.metrics.port import Pod, Readings
from trellis.rollout.metrics.snapshot import Side
from trellis.rollout.plan import Announcement, GatewaysSeen
from trellis.rollout.plan.decision import Table
from trellis.rollout.seen import ServiceSeen

#: The one namespace there is.
NAMESPACE = "default"


class World:
    """What a pass reads."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def rollout(self, key: Key) -> Rollout | None:
        """As an object of the API would be; its token changes with its spec and its status."""
        view = self._fleet.rollouts.view(key[1])
        if view is None:
            return None
        commands = self._fleet.rollouts.commands.get(key[1], ())
        generation = self._fleet.rollouts.generations[view.name].number
        status = view.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        raw = {
            "metadata": {
                "namespace": NAMESPACE,
                "name": view.name,
                "uid": view.name,
                "resourceVersion": str(hash((generation, view.status.model_dump_json()))),
                "generation": generation,
                "annotations": {
                    "trellis.dev/command": f"[{','.join(c.model_dump_json() for c in commands)}]"
                },
            },
            "spec": view.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "status": status,
        }
        return rollout(raw)

    def rollouts_of(self, service: Key) -> Sequence[Rollout]:
        """One at most: manifests with two are refused."""
        name = self._fleet.rollouts.of_service(service[1])
        found = self.rollout((NAMESPACE, name)) if name else None
        return [found] if found else []

    def seen(self, key: Key) -> ServiceSeen | None:
        """An InferenceService; None where no manifest names it."""
        if key[1] not in self._fleet.desired:
            return None
        supervisor = self._fleet.supervisor
        failing = {
            name: supervisor.children[name].reason or "its process does not start"
            for name in supervisor.failed()
        }
        state = self._fleet.services[key[1]]
        return service_seen(state, supervisor.ready(), failing, self._version)

    def _version(self, revision: Revision) -> str:
        facts = self._fleet.supervisor.facts.get(revision.name)
        named = facts.version if facts else version_of(revision.template, self._fleet.models)
        return named or ""


class Voice:
    """What a pass writes, beside weights."""

    def __init__(self, fleet: Fleet, world: World, events: Events) -> None:
        self._fleet, self._world, self._events = fleet, world, events

    async def write(self, found: Rollout, status: RolloutStatus) -> Rollout:
        """On disk when this returns. Raises ``Conflict`` where it has changed."""
        present = self._world.rollout(found.key)
        if present is None or present.token != found.token:
            raise Conflict(409, "Conflict", f"{found.key[1]} has changed since it was read")
        self._fleet.rollouts.statuses[found.key[1]] = status
        await self._fleet.save()
        written = self._world.rollout(found.key)
        return written or found

    async def announce(self, found: Rollout, said: Announcement) -> None:
        """An event on the terminal."""
        text = f"rollout {found.key[1]}: {said.message}"
        self._events.add(text, "warning" if said.type == "Warning" else "info")


class Weights:
    """The canary's share, by the routing table."""

    def __init__(self, fleet: Fleet, trials: TrialEvents) -> None:
        self._fleet, self._trials = fleet, trials

    async def put(self, key: Key, seen: ServiceSeen, percent: int | None) -> None:
        """Raises ``Conflict`` where the service has changed since it was seen, and ``EventsDown``
        where its units cannot be counted: then nothing is moved.
        """
        await self._expect(key[1], seen, percent)
        state = self._fleet.services[key[1]]
        if token(state) != seen.token:
            raise Conflict(409, "Conflict", f"{key[1]} has changed since it was seen")
        await self._fleet.put(weigh(state, percent))

    async def _expect(self, service: str, seen: ServiceSeen, percent: int | None) -> None:
        """Have the units of these shares counted before any request is split by them."""
        name = self._fleet.rollouts.of_service(service)
        if name is None or not percent or seen.created is None:
            return
        status = self._fleet.rollouts.statuses.get(name, RolloutStatus())
        trial = trial_of(NAMESPACE, name, status)
        if trial is None or seen.rolled_out is None:
            return
        sides: dict[str, Side] = {seen.rolled_out: "stable", seen.created: "canary"}
        shares = {seen.rolled_out: 1 - percent / 100, seen.created: percent / 100}
        guardrails = self._fleet.rollouts.specs[name].guardrails
        await self._trials.expect(trial, service, sides, shares, guardrails, by_unit=True)


class Gateways:
    """One gateway, which asks each revision at its own address: no tag is ever in its table."""

    async def follow(
        self, key: Key, seen: ServiceSeen | None, status: RolloutStatus, hosts: Table
    ) -> None:
        """Nothing is to be done: the table follows the weights."""

    def by_unit(
        self, key: Key, spec: RolloutSpec, status: RolloutStatus, seen: ServiceSeen | None
    ) -> bool:
        """Always: nothing else splits."""
        return True

    def seen(self, key: Key) -> GatewaysSeen:
        """Nobody has to turn away."""
        return GatewaysSeen()


class Processes:
    """The predictors as pods: their restarts. What they answer is counted by unit, at the gateway."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def read(
        self, service: str, revisions: Sequence[str], guardrails: Sequence[Guardrail]
    ) -> Readings:
        """The processes of ``revisions``."""
        children = self._fleet.supervisor.children
        pods = tuple(
            Pod(
                name=name,
                revision=name,
                address=None,
                running=False,
                ready=children[name].state is ChildState.READY,
                terminating=children[name].state is ChildState.DRAINING,
                restarts=children[name].restarts,
                proxied=False,
            )
            for name in revisions
            if name in children
        )
        return Readings(time=time.time(), pods=pods, counters={})
