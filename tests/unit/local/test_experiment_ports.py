"""What a pass reads of a run's experiments, and whether it notices what came in between."""

from pathlib import Path

import pytest

from tests.unit.local.conftest import MODEL_FORM, Write
from tests.unit.local.fleet_run import Run, new_run, take
from tests.unit.local.test_arms import SAME
from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.local.events import Events
from trellis.local.experiment_ports import ExperimentPlace
from trellis.rollout.errors import Conflict
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.plan import Announcement

KEY = ("default", "compares")


@pytest.fixture
def run(write: Write, tmp_path: Path) -> Run:
    return new_run(write, tmp_path)


def found_at(place: ExperimentPlace) -> ExperimentFound:
    found = place.experiment(KEY)
    assert found is not None
    return found


async def test_what_changed_since_is_a_conflict(run: Run) -> None:
    place = ExperimentPlace(run.fleet, run.arms, Events())
    await take(run, MODEL_FORM, SAME)
    before = found_at(place)
    written = await place.write(before, ExperimentResourceStatus(message="one"))
    assert written.parsed_status().message == "one"
    assert run.folder._read().experiment_records["compares"].status.message == "one"
    for stale in (before, written):
        await take(run, MODEL_FORM, SAME.replace("label", "score"))
        with pytest.raises(Conflict):
            await place.write(stale, ExperimentResourceStatus(message="two"))
    assert found_at(place).generation == 2


async def test_one_that_is_made_again_is_another(run: Run) -> None:
    place = ExperimentPlace(run.fleet, run.arms, Events())
    await take(run, MODEL_FORM, SAME)
    before = found_at(place)
    await take(run, MODEL_FORM)
    assert place.experiment(KEY) is None
    await take(run, MODEL_FORM, SAME)
    assert found_at(place).uid != before.uid


async def test_what_is_said_is_an_event(run: Run) -> None:
    events = Events()
    place = ExperimentPlace(run.fleet, run.arms, events)
    await take(run, MODEL_FORM, SAME)
    await place.announce(found_at(place), Announcement("Warning", "Halted", "v2 errs."))
    assert (events.recent[-1].level, events.recent[-1].text) == (
        "warning",
        "experiment compares: v2 errs.",
    )
