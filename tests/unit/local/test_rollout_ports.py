"""What a pass reads of a run, and whether it notices that the manifest came in between."""

from pathlib import Path

import pytest

from tests.unit.local.conftest import MODEL_FORM, ROLLOUT_FORM, Write
from trellis.contracts.rollout_status import RolloutStatus
from trellis.local.events import Events
from trellis.local.fleet import Fleet
from trellis.local.manifests import read_paths
from trellis.local.rollout_ports import NAMESPACE, Voice, World
from trellis.local.state import LocalState, StateFolder
from trellis.rollout.cluster.rollouts import Rollout
from trellis.rollout.errors import Conflict
from trellis.rollout.http.tables import TableServer

SLOWER = ROLLOUT_FORM.replace("deadline: 1h", "deadline: 2h")
ONE_BY_ONE = ROLLOUT_FORM.replace("deadline: 1h", "sameVersion: trial")


class Run:
    """A fleet without processes, as a pass reads it."""

    def __init__(self, write: Write, folder: Path) -> None:
        self.write, self.folder = write, StateFolder(folder)
        self.start(LocalState())

    def start(self, saved: LocalState) -> None:
        self.events = Events(lambda _: None)
        tables = TableServer()
        self.fleet = Fleet(self.folder, saved, tables, self.events, Path("models"), None)
        self.world = World(self.fleet)

    def manifest(self, rollout: str, model: str = MODEL_FORM) -> None:
        reading = read_paths([self.write(f"{model}---\n{rollout}")])
        self.fleet.apply(reading.services, reading.rollouts)

    @property
    def found(self) -> Rollout:
        found = self.world.rollout((NAMESPACE, "moves"))
        assert found is not None
        return found


@pytest.fixture
def run(write: Write, tmp_path: Path) -> Run:
    return Run(write, tmp_path / "state")


async def test_a_spec_that_changed_is_another_object(run: Run) -> None:
    run.manifest(ROLLOUT_FORM)
    before = run.found
    run.manifest(ROLLOUT_FORM)
    assert (run.found.token, run.found.generation) == (before.token, 1)
    run.manifest(SLOWER)
    assert run.found.generation == 2
    voice = Voice(run.fleet, run.world, run.events)
    with pytest.raises(Conflict):
        await voice.write(before, RolloutStatus(message="decided on the old spec"))
    run.manifest(ROLLOUT_FORM)
    assert run.found.token != before.token


async def test_the_count_of_specs_outlives_a_restart(run: Run) -> None:
    run.manifest(ROLLOUT_FORM)
    run.manifest(SLOWER)
    await run.fleet.save()
    run.start(run.folder._read())
    run.manifest(SLOWER)
    assert run.found.generation == 2
    run.manifest(ROLLOUT_FORM)
    assert run.found.generation == 3


@pytest.mark.parametrize(("rollout", "weight"), [(ROLLOUT_FORM, None), (ONE_BY_ONE, 0)])
def test_another_revision_of_the_same_version_is_tried_where_the_spec_says_so(
    run: Run, rollout: str, weight: int | None
) -> None:
    run.manifest(rollout)
    labelled = MODEL_FORM.replace("predictor:\n", "predictor:\n    labels: {team: fruit}\n")
    run.manifest(rollout, labelled)
    state = run.fleet.services["tomato"]
    assert state.created == 2
    assert state.canary_percent == weight
