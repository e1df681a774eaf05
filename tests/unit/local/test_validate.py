import json
from pathlib import Path

import pytest

from tests.unit.local.conftest import MODEL_FORM, ROLLOUT_FORM, Write
from tests.unit.local.nodes import node
from trellis.local import validate
from trellis.local.findings import Finding, Severity


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = validate.main(argv)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_a_good_manifest(write: Write, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, str(write(MODEL_FORM)), "--models", str(models))
    assert (code, said) == (0, "InferenceServices: tomato; errors: 0\n")


def test_an_error_has_file_line_field_problem_and_remedy(
    write: Write, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MODEL_FORM.replace("  predictor:\n", "  predictor:\n    canaryTrafficPercentage: 20\n")
    file = write(text)
    code, said = run(capsys, str(file), "--models", str(models))
    assert code == 1
    assert said.startswith(
        f"{file}:7: error: spec.predictor.canaryTrafficPercentage: no such field in an"
        " InferenceService\n    remedy: did you mean canaryTrafficPercent?\n"
    )


def test_what_only_a_cluster_runs_is_no_error(
    write: Write, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(MODEL_FORM.replace("pvc://", "s3://"))
    code, said = run(capsys, str(file), "--models", str(models))
    assert code == 0
    assert "cluster-only" in said


def test_a_missing_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, str(tmp_path / "nowhere"))
    assert code == 2
    assert "no such file" in said


def test_repeated_notes_become_one_line() -> None:
    notes = [
        Finding(Severity.NOTE, Path(file), 3, "spec.predictor.timeout", "is not honoured")
        for file in ("a.yaml", "b.yaml", "c.yaml")
    ]
    assert validate.brief_notes(notes) == ["timeout: is not honoured (a.yaml:3 and 2 more)"]


GPU = MODEL_FORM + "      resources: {limits: {nvidia.com/gpu: 1}}\n"


def test_a_pod_that_no_node_takes_is_foretold(
    write: Write, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = tmp_path / "nodes.json"
    nodes.write_text(json.dumps({"items": [node("worker")]}))
    file = write(GPU)
    code, said = run(capsys, str(file), "--models", str(models), "--nodes", str(nodes))
    assert code == 1
    assert f"{file}:10: error: spec.predictor.model.resources.limits.nvidia.com/gpu" in said
    assert "worker: has no nvidia.com/gpu" in said


def test_without_nodes_it_says_how_to_ask(
    write: Write, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, str(write(GPU)), "--models", str(models))
    assert code == 0
    assert "tomato asks for nvidia.com/gpu: kubectl get nodes -o json" in said


def test_nodes_that_are_none(
    write: Write, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = tmp_path / "nodes.json"
    nodes.write_text("NAME STATUS")
    code, said = run(capsys, str(write(MODEL_FORM)), "--models", str(models), "--nodes", str(nodes))
    assert code == 2
    assert "is no JSON" in said


def test_rollouts_are_counted_and_held_against_their_services(
    write: Write, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(
        capsys, str(write(MODEL_FORM + "---\n" + ROLLOUT_FORM)), "--models", str(models)
    )
    assert code == 0
    assert said.endswith("InferenceServices: tomato; Rollouts: moves; errors: 0\n")
    canary = MODEL_FORM.replace("  predictor:\n", "  predictor:\n    canaryTrafficPercent: 5\n")
    code, said = run(capsys, str(write(canary + "---\n" + ROLLOUT_FORM)), "--models", str(models))
    assert code == 1
    assert "spec.predictor.canaryTrafficPercent: is 5, and the Rollout moves" in said
