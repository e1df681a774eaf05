from pathlib import Path

import pytest

from tests.unit.local.conftest import EXPERIMENT_FORM, MODEL_FORM, ROLLOUT_FORM, Write
from trellis.local.findings import Finding, Severity
from trellis.local.governing import governing
from trellis.local.manifests import read_paths

ROLLOUT = "---\n" + ROLLOUT_FORM
EXPERIMENT = "---\n" + EXPERIMENT_FORM
OTHER = "---\n" + MODEL_FORM.replace("tomato", "other").replace("/v1\n", "/v2\n")
STANDARD = "  name: tomato\n  annotations: {serving.kserve.io/deploymentMode: Standard}\n"


def found_in(write: Write, *texts: str) -> list[Finding]:
    reading = read_paths([write("".join(texts))])
    assert not reading.failed, [finding.text() for finding in reading.findings]
    return list(governing(reading.services, reading.rollouts, reading.experiments))


def only(write: Write, *texts: str) -> Finding:
    (found,) = found_in(write, *texts)
    return found


def test_a_service_with_its_rollout_is_fine(write: Write) -> None:
    assert found_in(write, MODEL_FORM, ROLLOUT) == []


def test_an_experiment_of_two_services_is_fine(write: Write) -> None:
    assert found_in(write, MODEL_FORM, OTHER, EXPERIMENT) == []


def test_a_weight_that_a_rollout_moves_is_an_error_where_it_stands(write: Write) -> None:
    canary = MODEL_FORM.replace("  predictor:\n", "  predictor:\n    canaryTrafficPercent: 0\n")
    found = only(write, canary, ROLLOUT)
    assert (found.severity, found.line) == (Severity.ERROR, 7)
    assert found.field == "spec.predictor.canaryTrafficPercent"
    assert "the Rollout moves at" in found.problem
    assert "leave canaryTrafficPercent out" in found.remedy


def test_a_mode_that_cannot_split_is_an_error(write: Write) -> None:
    found = only(write, MODEL_FORM.replace("  name: tomato\n", STANDARD, 1), ROLLOUT)
    assert (found.severity, found.field) == (Severity.ERROR, "spec.inferenceService")
    assert "Standard mode" in found.problem


def test_units_without_hosts_to_keep_them_are_an_error(write: Write) -> None:
    by_unit = ROLLOUT.rstrip("\n") + "\n  split: unit\n"
    found = only(write, MODEL_FORM, by_unit)
    assert (found.severity, found.field) == (Severity.ERROR, "spec.split")
    assert "no annotation serving.kserve.io/enable-tag-routing" in found.problem
    tags = '  name: tomato\n  annotations: {serving.kserve.io/enable-tag-routing: "true"}\n'
    assert found_in(write, MODEL_FORM.replace("  name: tomato\n", tags, 1), by_unit) == []


def test_two_rollouts_of_one_service_are_an_error_at_the_second(write: Write) -> None:
    found = only(write, MODEL_FORM, ROLLOUT, ROLLOUT.replace("moves", "also"))
    assert (found.severity, found.field) == (Severity.ERROR, "spec.inferenceService")
    assert "tomato has the Rollout moves already" in found.problem


@pytest.mark.parametrize(
    ("text", "again"),
    [
        (ROLLOUT, ROLLOUT.replace("inferenceService: tomato", "inferenceService: other")),
        (EXPERIMENT, EXPERIMENT.replace("model: tomato", "model: other\n  enabled: false")),
    ],
    ids=["rollout", "experiment"],
)
def test_two_of_one_name_are_an_error(write: Write, text: str, again: str) -> None:
    found = only(write, MODEL_FORM, OTHER, text, again)
    assert (found.severity, found.field) == (Severity.ERROR, "metadata.name")


def test_a_service_that_may_be_elsewhere_is_a_note(write: Write) -> None:
    found = only(write, ROLLOUT)
    assert (found.severity, found.problem) == (Severity.NOTE, "tomato is not among these files")
    arm = only(write, MODEL_FORM, EXPERIMENT)
    assert (arm.field, arm.problem) == ("spec.arms[1]", "other is not among these files")


def test_an_arm_that_a_rollout_would_replace_is_an_error(write: Write) -> None:
    found = only(write, MODEL_FORM, OTHER, ROLLOUT, EXPERIMENT)
    assert (found.severity, found.field) == (Severity.ERROR, "spec.arms[0]")
    assert "whose version the Rollout moves" in found.problem


def test_an_arm_of_another_version_than_is_served_is_a_note(write: Write) -> None:
    found = only(write, MODEL_FORM, OTHER.replace("/v2", "/v3"), EXPERIMENT)
    assert (found.severity, found.field) == (Severity.NOTE, "spec.arms[1]")
    assert found.problem == "is of version v2, and other serves pvc://models/other/v3"


def test_two_arms_of_one_service_are_for_one_machine(write: Write) -> None:
    found = only(write, MODEL_FORM, EXPERIMENT.replace(", inferenceService: other", ""))
    assert (found.severity, found.field) == (Severity.NOTE, "spec.arms[1]")
    assert "a cluster needs an InferenceService for each arm" in found.problem


def test_a_model_whose_traffic_a_rollout_moves_is_an_error(write: Write) -> None:
    third = OTHER.replace("other", "third").replace("/v2", "/v1")
    arms = EXPERIMENT.replace("{version: v1}", "{version: v1, inferenceService: third}")
    found = only(write, MODEL_FORM, OTHER, third, ROLLOUT, arms)
    assert (found.severity, found.field) == (Severity.ERROR, "spec.model")


def test_two_experiments_of_one_model_are_an_error_unless_one_is_off(write: Write) -> None:
    again = EXPERIMENT.replace("compares", "again")
    found = only(write, MODEL_FORM, OTHER, EXPERIMENT, again)
    assert (found.severity, found.field) == (Severity.ERROR, "spec.model")
    off = again.replace("spec:\n", "spec:\n  enabled: false\n")
    assert found_in(write, MODEL_FORM, OTHER, EXPERIMENT, off) == []


def test_a_place_names_file_and_line(write: Write, tmp_path: Path) -> None:
    found = only(write, MODEL_FORM, ROLLOUT, ROLLOUT.replace("moves", "also"))
    assert f"{tmp_path / 'm.yaml'}:11" in found.problem
