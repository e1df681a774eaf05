"""What a person asks for becomes traffic; the processes are left out: all revisions are ready."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.local.conftest import Write
from tests.unit.local.fleet_run import Run, new_run
from trellis.contracts.experiment import Experiment
from trellis.rollout.http.asked import Refused


@pytest.fixture
def run(write: Write, tmp_path: Path) -> Run:
    return new_run(write, tmp_path)


def ab(**fields: Any) -> Experiment:
    arms = [{"version": "v1", "weight": 0.5}, {"version": "v2", "weight": 0.5}]
    return Experiment.model_validate({"model": "tomato", "arms": arms, **fields})


async def test_an_activated_canary_gets_everything(run: Run) -> None:
    await run.manifest("v1")
    await run.manifest("v2", 20)
    assert run.weights == {"v1": 0.8, "v2": 0.2}
    await run.control.activate("tomato", "v2")
    await run.settle()
    assert run.weights == {"v2": 1}


async def test_a_version_that_does_not_run_is_started_for_it(run: Run) -> None:
    await run.manifest("v1")
    await run.control.activate("tomato", "v3")
    await run.settle()
    assert run.weights == {"v3": 1}
    states = {state.version: state for state in run.control.model("tomato").revisions}
    assert (states["v3"].role, states["v3"].weight) == ("stable", 1)


async def test_an_activation_outlives_a_restart_and_ends_with_the_next_edit(run: Run) -> None:
    await run.manifest("v1")
    await run.control.activate("tomato", "v3")
    await run.settle()
    run.start(run.folder._read())
    await run.manifest("v1")
    assert run.weights == {"v3": 1}
    await run.manifest("v2", 20)
    assert run.weights == {"v2": 0.2, "v3": 0.8}


async def test_rolling_a_canary_back_leaves_stable(run: Run) -> None:
    await run.manifest("v1")
    await run.manifest("v2", 20)
    await run.control.rollback("tomato", "v2")
    await run.settle()
    assert run.weights == {"v1": 1}


async def test_rolling_stable_back_goes_one_step_back(run: Run) -> None:
    await run.manifest("v1")
    await run.manifest("v2")
    assert run.weights == {"v2": 1}
    await run.control.rollback("tomato", "v2")
    await run.settle()
    assert run.weights == {"v1": 1}


async def test_there_must_be_something_to_go_back_to(run: Run) -> None:
    await run.manifest("v1")
    with pytest.raises(Refused, match="no other version") as refused:
        await run.control.rollback("tomato", "v1")
    assert refused.value.status == 409


@pytest.mark.parametrize("version", ["v9", "../v1"])
async def test_unknown_versions_are_named(run: Run, version: str) -> None:
    await run.manifest("v1")
    for act in (run.control.activate, run.control.rollback):
        with pytest.raises(Refused, match="known are: v1") as refused:
            await act("tomato", version)
        assert refused.value.status in {404, 409}
    with pytest.raises(Refused, match="unknown model 'potato'; known are: tomato"):
        await run.control.activate("potato", "v1")


async def test_an_experiment_shares_the_units_and_records_them(run: Run) -> None:
    await run.manifest("v1")
    await run.control.put_experiment("leaves", ab(strategy="random", attribution_window=60))
    await run.settle()
    route = run.table.models["tomato"]
    assert run.weights == {"v1": 0.5, "v2": 0.5}
    assert (route.experiment, route.strategy, route.record) == ("leaves", "random", True)
    assert route.attribution_window == 60
    assert {arm.version: arm.role for arm in route.arms} == {"v1": "stable", "v2": "arm"}


async def test_an_experiment_outlives_a_restart_with_its_groups(run: Run) -> None:
    await run.manifest("v1")
    await run.control.put_experiment("leaves", ab())
    await run.settle()
    before = run.table.models["tomato"]
    run.start(run.folder._read())
    await run.manifest("v1")
    assert run.table.models["tomato"] == before


async def test_a_disabled_experiment_gives_everything_back(run: Run) -> None:
    await run.manifest("v1")
    ordinary = run.table.models["tomato"].arms[0].intervals
    await run.control.put_experiment("leaves", ab())
    await run.settle()
    await run.control.put_experiment("leaves", ab(enabled=False))
    await run.settle()
    route = run.table.models["tomato"]
    assert (run.weights, route.experiment, route.record) == ({"v1": 1}, None, False)
    assert route.arms[0].intervals == ordinary
    assert [arm.version for arm in route.arms] == ["v1"]


async def test_another_that_is_off_ends_none(run: Run) -> None:
    await run.manifest("v1")
    await run.control.put_experiment("leaves", ab())
    await run.control.put_experiment("later", ab(enabled=False))
    await run.settle()
    assert run.weights == {"v1": 0.5, "v2": 0.5}


async def test_what_was_accepted_is_on_disk(run: Run) -> None:
    await run.manifest("v1")
    await run.control.put_experiment("leaves", ab())
    assert run.folder._read().experiments == {"leaves": ab()}


async def test_an_experiment_waits_for_its_versions(run: Run) -> None:
    await run.manifest("v1")
    await run.control.put_experiment("leaves", ab())
    run.fleet.supervisor.ensure = lambda *_: None  # type: ignore[method-assign] # none comes up
    await run.settle()
    assert (run.weights, run.table.models["tomato"].experiment) == ({"v1": 1}, None)


async def test_what_an_experiment_refuses(run: Run) -> None:
    await run.manifest("v1")
    await run.control.put_experiment("leaves", ab())
    other = ab().model_copy(update={"model": "potato"})
    missing = ab(arms=[{"version": "v1", "weight": 1}, {"version": "v7", "weight": 1}])
    for name, experiment, status, words in (
        ("second", ab(), 409, "is in the experiment 'leaves'"),
        ("leaves", other, 404, "unknown model 'potato'"),
        ("leaves", missing, 422, r"arms\[1\].version: model 'tomato' has no version 'v7'"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            await run.control.put_experiment(name, experiment)
        assert refused.value.status == status
    with pytest.raises(Refused, match="in the experiment 'leaves'") as refused:
        await run.control.activate("tomato", "v2")
    assert refused.value.status == 409
    with pytest.raises(Refused, match="unknown experiment 'x'; known are: leaves"):
        await run.control.experiment("x")
