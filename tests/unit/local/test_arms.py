"""Which revisions serve the arms of an experiment; the processes are left out: all are ready."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local.conftest import EXPERIMENT_FORM, MODEL_FORM, ROLLOUT_FORM, Write
from tests.unit.local.fleet_run import Run, new_run, take
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.local.manifests import read_paths
from trellis.local.state import LocalState

OTHER = "---\n" + MODEL_FORM.replace("name: tomato", "name: other").replace("/v1\n", "/v2\n")
EXPERIMENT = "---\n" + EXPERIMENT_FORM
SAME = EXPERIMENT.replace(", inferenceService: other", "")


@pytest.fixture
def run(write: Write, tmp_path: Path) -> Run:
    return new_run(write, tmp_path)


def spec(run: Run) -> ExperimentSpec:
    return run.fleet.experiments.specs["compares"]


def route(run: Run) -> dict[str, tuple[str, float]]:
    """Of the model: its arms' versions and shares, by revision."""
    arms = run.table.models["tomato"].arms
    return {arm.revision: (arm.version, arm.weight) for arm in arms}


async def test_a_version_beside_the_services_own_is_made_and_held(run: Run) -> None:
    await take(run, MODEL_FORM, SAME)
    assert run.arms.seen(spec(run), None)["v2"].revision == ""
    await run.settle()
    seen = run.arms.seen(spec(run), None)
    assert {version: arm.revision for version, arm in seen.items()} == {
        "v1": "tomato-00001",
        "v2": "tomato-00002",
    }
    assert all(arm.ready for arm in seen.values())
    assert route(run) == {"tomato-00002": ("v2", 0.5), "tomato-00001": ("v1", 0.5)}


async def test_an_arm_of_another_service_is_in_the_route_and_answers_by_its_own_name(
    run: Run,
) -> None:
    await take(run, MODEL_FORM, OTHER, EXPERIMENT)
    await run.settle()
    assert route(run) == {"tomato-00001": ("v1", 0.5), "other-00001": ("v2", 0.5)}
    arms = {arm.revision: arm for arm in run.table.models["tomato"].arms}
    assert (arms["other-00001"].model, arms["other-00001"].role) == ("other", "arm")
    (own,) = run.table.models["other"].arms
    assert (own.revision, own.weight) == ("other-00001", 1)
    assert run.table.models["other"].experiment is None


async def test_without_its_experiment_a_pinned_arm_goes(run: Run) -> None:
    await take(run, MODEL_FORM, SAME)
    await run.settle()
    await take(run, MODEL_FORM)
    await run.settle()
    assert route(run) == {"tomato-00001": ("v1", 1)}
    assert run.fleet.services["tomato"].pinned == ()


async def test_a_label_moves_no_unit_to_another_revision(run: Run) -> None:
    await take(run, MODEL_FORM, SAME)
    await run.settle()
    labelled = MODEL_FORM.replace("predictor:\n", "predictor:\n    labels: {team: fruit}\n")
    await take(run, labelled, SAME)
    await run.settle()
    assert route(run)["tomato-00001"] == ("v1", 0.5)
    other = MODEL_FORM.replace(
        "storageUri: pvc", 'env: [{name: "MODE", value: "new"}]\n      storageUri: pvc'
    )
    await take(run, other, SAME)
    await run.settle()
    newest = run.fleet.services["tomato"].newest.name
    assert route(run)[newest] == ("v1", 0.5)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((MODEL_FORM, EXPERIMENT.replace("model: tomato", "model: leaf")), "no model leaf"),
        ((MODEL_FORM, SAME, "---\n" + ROLLOUT_FORM), "The Rollout moves moves the traffic"),
        ((MODEL_FORM, SAME), ""),
    ],
    ids=["model", "rollout", "none"],
)
async def test_what_is_in_the_way_is_said(run: Run, texts: tuple[str, ...], words: str) -> None:
    await take(run, *texts)
    said = run.arms.objection("compares", spec(run))
    assert words in said
    assert bool(said) == bool(words)


async def test_an_edit_during_the_save_of_arms_stays(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both services take arms at once: what is asked of one while they are saved is not undone."""
    await take(run, MODEL_FORM, OTHER)
    started, gone_on = threading.Event(), threading.Event()
    save = run.folder.save

    def slow(state: LocalState) -> None:
        started.set()
        assert gone_on.wait(60)
        save(state)

    monkeypatch.setattr(run.folder, "save", slow)
    edited = OTHER.replace("/v2\n", "/v3\n")
    held = asyncio.create_task(run.arms.hold())
    run.fleet.experiments.take(read_paths([run.write(MODEL_FORM + OTHER + EXPERIMENT)]).experiments)
    assert await asyncio.to_thread(started.wait, 60)
    reading = read_paths([run.write(MODEL_FORM + edited + EXPERIMENT)])
    run.fleet.apply(reading.services, reading.rollouts, reading.experiments)
    gone_on.set()
    await held
    assert run.fleet.services["other"].newest.template.storage_uri == "pvc://models/tomato/v3"
    assert run.fleet.services["tomato"].held


async def test_the_older_of_two_has_the_model(run: Run) -> None:
    await take(run, MODEL_FORM, SAME)
    await take(run, MODEL_FORM, SAME, SAME.replace("compares", "again"))
    specs = run.fleet.experiments.specs
    assert run.arms.objection("compares", specs["compares"]) == ""
    assert "in the experiment compares" in run.arms.objection("again", specs["again"])


async def test_why_an_arm_is_not_there_is_said(run: Run) -> None:
    await take(
        run,
        MODEL_FORM,
        EXPERIMENT,
        EXPERIMENT.replace("compares", "far").replace("{version: v1}", "{version: v9}"),
    )
    specs = run.fleet.experiments.specs
    whys: dict[str, Any] = {name: run.arms.seen(specs[name], None) for name in specs}
    assert whys["compares"]["v2"].why == "there is no InferenceService other"
    assert "tomato has no version v9" in whys["far"]["v9"].why
