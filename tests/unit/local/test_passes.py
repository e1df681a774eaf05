"""Passes over a run."""

from pathlib import Path

from tests.unit.local.conftest import EXPERIMENT_FORM, MODEL_FORM, Write
from tests.unit.local.fleet_run import new_run, take
from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.contracts.rollout_status import HistoryEntry, RolloutStatus, Side
from trellis.local import passes as module
from trellis.local.events import Events
from trellis.local.settings import UpSettings
from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import Conflict


async def test_a_pass_is_done_again_after_a_change_and_its_failure_is_said_once(
    write: Write, tmp_path: Path
) -> None:
    run = new_run(write, tmp_path)
    events = Events()
    passes = module.Passes(run.fleet, run.arms, events, UpSettings())
    outcomes: list[Exception | None] = [
        Conflict(409, "Conflict", "it has changed"),
        TypeError("no such thing"),
        TypeError("no such thing"),
        None,
    ]

    async def one(_key: Key) -> float:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return 1.0

    while outcomes:
        await passes._once(one, "experiment", "leaves")
    assert [event.text for event in events.recent] == [
        "experiment leaves: no such thing; tried again"
    ]
    assert events.recent[-1].times == 1


async def test_only_what_a_status_still_counts_is_in_use(write: Write, tmp_path: Path) -> None:
    run = new_run(write, tmp_path)
    passes = module.Passes(run.fleet, run.arms, Events(), UpSettings())
    await take(run, MODEL_FORM, "---\n" + EXPERIMENT_FORM)
    assert list(passes._in_use()) == []
    counted = ExperimentResourceStatus(plan={"identity": "experiment/default/compares/1"})
    run.fleet.experiments.write("compares", counted)
    began = HistoryEntry(time=5.0, what="began")
    side = Side(revision="tomato-00002", version="v2", identity="two")
    trial = RolloutStatus(phase="Progressing", canary=side, history=(began,))
    run.fleet.rollouts.statuses["moves"] = trial
    assert list(passes._in_use()) == [
        "rollout/default/moves/5.000",
        "experiment/default/compares/1",
    ]
    run.fleet.rollouts.statuses["moves"] = trial.model_copy(update={"phase": "Promoted"})
    assert list(passes._in_use()) == ["experiment/default/compares/1"]
