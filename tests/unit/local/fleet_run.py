"""A fleet whose revisions are ready at once: the processes are left out."""

from pathlib import Path
from typing import Any

from tests.unit.local.conftest import MODEL_FORM, Write
from trellis.contracts.routing_table import RoutingTable
from trellis.local.arms import Arms
from trellis.local.child import Child, ChildState, Plan
from trellis.local.control import Control
from trellis.local.events import Events
from trellis.local.experiment_ports import ExperimentPlace
from trellis.local.fleet import Fleet
from trellis.local.manifests import read_paths
from trellis.local.revisions import Revision
from trellis.local.state import LocalState, StateFolder
from trellis.local.supervisor import Facts
from trellis.rollout.experiments.course import Facts as Found
from trellis.rollout.experiments.course import course
from trellis.rollout.experiments.memory import recall, written
from trellis.rollout.http.tables import TableServer


def ready_child(name: str, folder: Path) -> Child:
    """A predictor that is ready: its process is another test's."""
    plan = Plan(name=name, command=lambda *_: [], environment={}, log=folder / "log")
    child = Child(plan, lambda _: None)
    child.state, child.was_ready = ChildState.READY, True
    return child


class Run:
    """A fleet whose revisions are ready at once, and its control."""

    def __init__(self, write: Write, models: Path, folder: Path) -> None:
        self.write, self.models = write, models
        self.folder = StateFolder(folder)
        self.tables = TableServer()
        self.told: list[str] = []
        self.start(LocalState())

    def start(self, saved: LocalState) -> None:
        events = Events(lambda event: self.told.append(event.text))
        self.fleet = Fleet(self.folder, saved, self.tables, events, self.models, None)
        self.fleet.supervisor.ensure = self._ensure  # type: ignore[method-assign] # no process
        self.fleet.supervisor.drop = lambda *_: None  # type: ignore[method-assign] # none to stop
        self.arms = Arms(self.fleet)
        self.control = Control(self.fleet, self.arms, lambda _name: None)

    def _ensure(self, service: str, revision: Revision) -> None:
        supervisor: Any = self.fleet.supervisor
        supervisor.children.setdefault(revision.name, ready_child(revision.name, self.models))
        supervisor._names[revision.name] = service
        version = str(revision.template.storage_uri).rpartition("/")[2]
        supervisor.facts.setdefault(revision.name, Facts(version, f"print of {version}"))

    async def manifest(self, version: str, percent: int | None = None) -> None:
        text = MODEL_FORM.replace("tomato/v1", f"tomato/{version}")
        if percent is not None:
            text = text.replace("    model:", f"    canaryTrafficPercent: {percent}\n    model:")
        self.fleet.apply(read_paths([self.write(text)]).services)
        await self.fleet._once()

    async def settle(self) -> None:
        """What a pass decides of each experiment, without evidence, and the table after it."""
        await self.arms.hold()
        await self.fleet._once()
        place = ExperimentPlace(self.fleet, self.arms, Events())
        for name in self.fleet.experiments.specs:
            found = place.experiment(("default", name))
            assert found is not None
            spec, status = found.parsed_spec(), found.parsed_status()
            facts = Found(
                "default", name, spec, place.arms(found, spec), place.objection(found, spec), 1.0
            )
            plan = written(course(facts, recall(status), None).memory)
            await place.write(found, status.model_copy(update={"plan": plan}))
        await self.arms.hold()
        await self.fleet._once()

    @property
    def table(self) -> RoutingTable:
        table = self.tables._table
        assert table is not None
        return table

    @property
    def weights(self) -> dict[str, float]:
        """Share by version, those without any left out."""
        arms = self.table.models["tomato"].arms
        return {arm.version: round(arm.weight, 9) for arm in arms if arm.weight}


async def take(run: Run, *texts: str) -> None:
    reading = read_paths([run.write("".join(texts))])
    run.fleet.apply(reading.services, reading.rollouts, reading.experiments)
    await run.fleet._once()


def new_run(write: Write, folder: Path) -> Run:
    """Of three versions of ``tomato``."""
    models = folder / "models"
    for version in ("v1", "v2", "v3"):
        place = models / "tomato" / version
        place.mkdir(parents=True)
        (place / "model.yaml").write_text(f"name: tomato\nversion: {version}\n")
    return Run(write, models, folder / "state")
