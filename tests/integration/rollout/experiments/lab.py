"""An Experiment in memory, its passes over a real Redis, and users who meet what the table has."""

import inspect
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from trellis.contracts.events import Exposure, Outcome, digest_of_shares
from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import Conflict
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import FoldStore
from trellis.rollout.experiments.assignment import Assignment
from trellis.rollout.experiments.counting import UnitCounts
from trellis.rollout.experiments.ports import ArmSeen, ExperimentFound
from trellis.rollout.experiments.reconcile import ExperimentReconciler
from trellis.rollout.notifications.notifier import Notifier
from trellis.rollout.plan import Announcement
from trellis.telemetry.metrics import ControllerMetrics

KEY = ("shop", "leaves")
#: What comes of a unit at a version; None for nothing.
Behaviour = Callable[[str, random.Random], Any]


def spec_of(**changed: Any) -> ExperimentSpec:
    fields: dict[str, Any] = {
        "model": "tomato",
        "arms": [{"version": "v1"}, {"version": "v2"}],
        "attribution_window": "10s",
        **changed,
    }
    return ExperimentSpec.model_validate(fields)


class World:
    """``reconcile``'s ports: one Experiment as an API would keep it, and a table that follows."""

    def __init__(self, spec: ExperimentSpec) -> None:
        self.found: ExperimentFound | None = ExperimentFound(
            KEY, "uid", "1", 1, "", False, b"", b"{}"
        )
        self.edit(spec)
        self.not_ready: dict[str, str] = {}
        self.missing: set[str] = set()
        self.refusal = ""
        self.table: Assignment | None = None
        self.said: list[Announcement] = []
        self.writes = 0

    def edit(self, spec: ExperimentSpec) -> None:
        assert self.found is not None
        text = spec.model_dump_json(by_alias=True, exclude_defaults=True).encode()
        number = self.found.generation + (1 if self.found.spec else 0)
        token = str(int(self.found.token) + 1)
        self.found = replace(self.found, spec=text, generation=number, token=token)

    def experiment(self, key: Key) -> ExperimentFound | None:
        return self.found if key == KEY else None

    def arms(self, found: ExperimentFound, spec: ExperimentSpec) -> Mapping[str, ArmSeen]:
        return {
            arm.version: ArmSeen(
                arm.version,
                "" if arm.version in self.missing else f"tomato-{arm.version}",
                "tomato",
                ready=arm.version not in {*self.not_ready, *self.missing},
                why=self.not_ready.get(arm.version, "nothing serves it"),
            )
            for arm in spec.arms
        }

    def objection(self, found: ExperimentFound, spec: ExperimentSpec) -> str:
        return self.refusal

    async def write(
        self, found: ExperimentFound, status: ExperimentResourceStatus
    ) -> ExperimentFound:
        if self.found is None or found.token != self.found.token:
            raise Conflict(409, "Conflict", "it has changed")
        text = status.model_dump_json(by_alias=True, exclude_none=True).encode()
        self.found = replace(found, token=str(int(found.token) + 1), raw_status=text)
        self.writes += 1
        return self.found

    async def announce(self, found: ExperimentFound, said: Announcement) -> None:
        self.said.append(said)

    async def follow(self, key: Key, assignment: Assignment | None) -> None:
        self.table = assignment

    @property
    def status(self) -> ExperimentResourceStatus:
        assert self.found is not None
        return self.found.parsed_status()

    @property
    def reasons(self) -> list[str]:
        return [said.reason for said in self.said]

    def condition(self, kind: str) -> tuple[str, str]:
        (found,) = (one for one in self.status.conditions if one.type == kind)
        return found.status, found.reason


class Died(Exception):
    """A controller was killed."""


class Fused:
    """A port whose process dies at the ``step``-th of the moments before and after its calls, counted
    over all ports of one controller.
    """

    def __init__(self, port: Any, moments: Iterator[int], step: int) -> None:
        self._port, self._moments, self._step = port, moments, step

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._port, name)
        if not inspect.iscoroutinefunction(called):
            return called

        async def fused(*arguments: Any) -> Any:
            self._burn()
            answer = await called(*arguments)
            self._burn()
            return answer

        return fused

    def _burn(self) -> None:
        if next(self._moments) == self._step:
            raise Died


class Lab:
    """Time is the lab's own, in seconds since 1970."""

    def __init__(self, redis: Redis, prefix: str, spec: ExperimentSpec, seed: int = 1) -> None:
        self.redis: Any = redis  # the library's types allow answers that these commands never give
        self.store = FoldStore(redis, prefix)
        self.world = World(spec)
        self.now = 1_800_000_000.0
        self.reader = EventReader(redis, self.store, "one")
        self.metrics = ControllerMetrics(CollectorRegistry())
        self.start()
        self._chance = random.Random(seed)

    def start(self) -> None:
        """A controller that knows nothing but what was written."""
        self.controller = self.another()

    def another(
        self, store: FoldStore | None = None, notifier: Notifier | None = None
    ) -> ExperimentReconciler:
        counts = UnitCounts(store or self.store)
        notifier = notifier or Notifier(())
        world = self.world
        return ExperimentReconciler(
            world, world, world, counts, notifier, self.metrics, 1.0, clock=lambda: self.now
        )

    def dying(self, step: int) -> ExperimentReconciler:
        """One that dies in its first pass, if it takes so many steps."""
        moments = itertools.count(1)
        world: Any = Fused(self.world, moments, step)
        counts: Any = Fused(UnitCounts(self.store), moments, step)
        return ExperimentReconciler(
            world, world, world, counts, Notifier(()), self.metrics, 1.0, clock=lambda: self.now
        )

    async def one_pass(self) -> ExperimentResourceStatus:
        await self.controller.reconcile(KEY)
        return self.world.status

    async def come(
        self, number: int, behaviour: Behaviour, *, unseen: Mapping[str, float] | None = None
    ) -> None:
        """So many new users, a hundred a second; what came of each is told two seconds later."""
        for _ in range(number):
            self.now += 0.01
            await self._one(behaviour, unseen or {})
        await self.read()

    async def wait(self, seconds: float) -> None:
        self.now += seconds
        await self.read()

    async def read(self) -> None:
        while await self.reader.step(self.now):
            pass

    async def _one(self, behaviour: Behaviour, unseen: Mapping[str, float]) -> None:
        table = self.world.table
        if table is None:
            return
        (arm,) = self._chance.choices(table.arms, [arm.weight for arm in table.arms])
        value = behaviour(arm.version, self._chance)
        unit = f"{self._chance.getrandbits(64):016x}"
        if self._chance.random() < unseen.get(arm.version, 0.0):
            return
        common: dict[str, Any] = {
            "request_id": unit,
            "unit": unit,
            "sticky": True,
            "experiment": table.experiment,
            "model": table.model,
            "arm": arm.revision,
            "version": arm.version,
            "revision": arm.revision,
            "propensity": arm.weight,
            "shares": digest_of_shares(table.shares),
        }
        code = 500 if value == "fails" else 200
        met = Exposure(**common, table_version=1, time=self.now, code=code, seconds=0.01)
        await self._tell(self.store.keys.exposures, met)
        if value in {None, "fails"}:
            return
        told = {"kind": "conversion", "value": value, "time": self.now + 2, "exposed_at": self.now}
        await self._tell(self.store.keys.outcomes, Outcome.model_validate({**common, **told}))

    async def _tell(self, stream: str, event: Exposure | Outcome) -> None:
        await self.redis.xadd(
            stream, {"event": orjson.dumps(event.model_dump(mode="json", by_alias=True))}
        )


def converting(**rates: float) -> Behaviour:
    """True for some; nothing at all for the rest, as feedback is."""

    def behave(version: str, chance: random.Random) -> bool | None:
        return True if chance.random() < rates[version] else None

    return behave


def failing(**rates: float) -> Behaviour:
    """An error for some."""

    def behave(version: str, chance: random.Random) -> str | None:
        return "fails" if chance.random() < rates[version] else None

    return behave
