"""The versions that are committed: whole, alike in form, and each v2 better than its v1."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from trellis.serving.codecs.v2_json import decode_example
from trellis.serving.predictor import predictor_class
from trellis.serving.types import rows_of
from trellis.serving.version_folder import VersionFolder, find_versions

MODELS = Path(__file__).parents[3] / "models"
FOLDERS = find_versions(MODELS)
CLASSIFIERS = ("cifar10", "diabetes", "sentiment", "tomato")

each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.title))


def test_all_versions_are_there() -> None:
    expected = [f"{name}/{version}" for name in CLASSIFIERS for version in ("v1", "v2")]
    assert sorted(folder.title for folder in FOLDERS) == sorted([*expected, "squares/v1"])


def test_the_folders_are_small() -> None:
    assert sum(file.stat().st_size for file in MODELS.rglob("*") if file.is_file()) < 8_000_000


@each
def test_hashes_are_valid_and_no_file_is_unlisted(folder: VersionFolder) -> None:
    folder.check_hashes()
    assert folder.path.name == folder.yaml.version
    assert folder.path.parent.name == folder.yaml.name
    assert {path.name for path in folder.path.iterdir()} == {"model.yaml", *folder.yaml.files}


@each
def test_every_example_is_answered(folder: VersionFolder) -> None:
    predictor = predictor_class(folder.yaml.predictor, ("predictors",))(folder)
    predictor.load()
    for example in folder.yaml.examples:
        assert example.title
        inputs = decode_example(example, folder.yaml)
        outputs = predictor.encode(predictor.predict(predictor.decode(inputs)))
        assert list(outputs) == [spec.name for spec in folder.yaml.outputs]
        assert rows_of(outputs) == rows_of(inputs)


@each
def test_onnx_answers_as_the_framework_did(folder: VersionFolder) -> None:
    described = folder.yaml
    if described.name == "squares":
        assert described.engine is None
        return
    assert described.engine == "onnx"
    assert described.parity is not None
    assert described.parity.label_agreement == 1
    assert described.parity.largest_difference <= 1e-4


@each
def test_graphs_have_one_input_one_output_and_any_number_of_rows(folder: VersionFolder) -> None:
    if folder.yaml.engine is None:
        return
    session = onnxruntime.InferenceSession(folder.file(folder.yaml.artefacts["onnx"]))
    ((given,), (taken,)) = session.get_inputs(), session.get_outputs()
    assert not isinstance(given.shape[0], int)
    assert not isinstance(taken.shape[0], int)
    assert taken.shape[1:] == [len(folder.yaml.labels)]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_second_version_is_better(name: str) -> None:
    first, second = (VersionFolder.read(MODELS / name / version).yaml for version in ("v1", "v2"))
    assert second.metrics["accuracy"] > first.metrics["accuracy"]
    assert second.metrics["log_loss"] < first.metrics["log_loss"]
    assert first.labels == second.labels
    assert first.inputs == second.inputs
    assert first.data is not None
    assert second.data is not None
    assert first.data.held_out_rows == second.data.held_out_rows


def test_the_diabetes_forest_is_better_over_all_rows() -> None:
    first, second = (
        VersionFolder.read(MODELS / "diabetes" / version).yaml.metrics for version in ("v1", "v2")
    )
    assert second["cross_validated_auc"] > first["cross_validated_auc"] + 0.02
    assert second["cross_validated_accuracy"] > first["cross_validated_accuracy"]


@pytest.mark.parametrize(
    ("name", "says"),
    [("tomato", "drawn leaves"), ("cifar10", "drawn pictures"), ("sentiment", "put together")],
)
def test_a_demo_says_what_it_does_not_know(name: str, says: str) -> None:
    for version in ("v1", "v2"):
        data = VersionFolder.read(MODELS / name / version).yaml.data
        assert data is not None
        assert data.synthetic
        assert says in data.note
        assert says in (MODELS / name / "card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*CLASSIFIERS, "squares"])
def test_the_card_gives_the_figures_of_model_yaml(name: str) -> None:
    card = (MODELS / name / "card.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        if folder.yaml.name == name and name != "squares":
            assert f"{folder.yaml.metrics['accuracy']:.3f}" in card
            assert f"{folder.yaml.metrics['log_loss']:.3f}" in card


def test_reference_holds_what_drift_is_measured_against() -> None:
    for folder in FOLDERS:
        found = folder.yaml.reference
        assert found is not None
        assert found.feature_quantiles
        if folder.yaml.labels:
            assert sum(found.label_shares.values()) == pytest.approx(1, abs=0.002)
            assert found.confidence is not None
            assert np.sum(found.confidence.counts) == found.rows
