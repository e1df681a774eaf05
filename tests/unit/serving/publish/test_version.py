from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from predictors.tabular import TabularClassifier
from trellis.contracts.model_yaml import ModelYaml
from trellis.contracts.tensors import TensorSpec
from trellis.serving.engines import EngineError
from trellis.serving.publish import Description, HeldOut, PublishError, publish, version
from trellis.serving.publish.answers import WrongLabelsError
from trellis.serving.publish.export import ExportError, export_onnx
from trellis.serving.version_folder import VersionFolder, VersionFolderError

RNG = np.random.default_rng(0)
X = RNG.random((80, 3)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 1).astype(int)
HELD_OUT = HeldOut({"features": X[60:]}, Y[60:])
DESCRIPTION = Description(
    name="sums",
    version="v1",
    predictor="predictors.tabular:TabularClassifier",
    inputs=(TensorSpec(name="features", datatype="FP32", shape=(-1, 3)),),
    labels=("small", "large"),
    preprocessing={"features": ["a", "b", "c"]},
    metrics={"elsewhere": 0.5},
)


def artefact(folder: Path, estimator: Any) -> Path:
    file = folder / "trained.skops"
    skops.io.dump(estimator.fit(X[:60], Y[:60]), file)
    return file


@pytest.mark.parametrize(
    "estimator",
    [RandomForestClassifier(7, random_state=0), LogisticRegression()],
    ids=["forest", "linear"],
)
def test_round_trip(estimator: Any, tmp_path: Path) -> None:
    written = publish(tmp_path / "v1", DESCRIPTION, artefact(tmp_path, estimator), HELD_OUT)
    opened = VersionFolder.open(tmp_path / "v1")
    assert opened.yaml == written
    assert written.engine == "onnx"
    assert written.artefacts == {"sklearn": "model.skops", "onnx": "model.onnx"}
    assert sorted(written.files) == ["model.onnx", "model.skops"]
    assert written.parity is not None
    assert written.parity.largest_difference < 1e-5
    assert written.parity.label_agreement == 1
    assert written.parity.rows == 20
    assert written.metrics["accuracy"] == pytest.approx(estimator.score(X[60:], Y[60:]), abs=1e-4)
    assert written.metrics["elsewhere"] == 0.5
    assert [spec.name for spec in written.outputs] == ["probabilities", "label", "confidence"]
    assert written.reference is not None
    assert list(written.reference.feature_quantiles) == ["a", "b", "c"]
    answers = []
    for engine in ("onnx", "sklearn"):
        predictor = TabularClassifier(opened, engine)
        predictor.load()
        predictor.warm_up()
        answers.append(predictor.encode(predictor.predict({"features": X}))["probabilities"])
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)
    np.testing.assert_allclose(answers[0], estimator.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("labels", [("small", "large"), ("large", "medium", "small")])
def test_labels_in_another_order_than_the_models_are_refused(
    labels: tuple[str, ...], tmp_path: Path
) -> None:
    named = np.array(["small", "large"])[Y]
    skops.io.dump(LogisticRegression().fit(X, named), tmp_path / "named.skops")
    described = DESCRIPTION.model_copy(update={"labels": labels})
    with pytest.raises(WrongLabelsError, match=r"are of \['large', 'small'\], in this order"):
        publish(tmp_path / "v1", described, tmp_path / "named.skops", HELD_OUT)
    described = DESCRIPTION.model_copy(update={"labels": ("large", "small")})
    truth = HeldOut(HELD_OUT.inputs, 1 - Y[60:])
    assert (
        publish(tmp_path / "v1", described, tmp_path / "named.skops", truth).metrics["accuracy"]
        > 0.8
    )


def test_an_export_that_answers_otherwise_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = artefact(tmp_path, RandomForestClassifier(3, random_state=1))
    wrong = export_onnx("sklearn", other)
    right = artefact(tmp_path, RandomForestClassifier(7, random_state=0))
    monkeypatch.setattr(version, "export_onnx", lambda _engine, _artefact: wrong)
    written = publish(tmp_path / "v1", DESCRIPTION, right, HELD_OUT)
    assert written.engine == "sklearn"
    assert written.artefacts == {"sklearn": "model.skops"}
    assert sorted(path.name for path in (tmp_path / "v1").iterdir()) == [
        "model.skops",
        "model.yaml",
    ]
    assert written.parity is not None
    assert written.parity.largest_difference > written.parity.tolerance
    VersionFolder.open(tmp_path / "v1")


def test_a_model_without_an_export_is_served_by_its_framework(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_engine: str, _artefact: Path) -> bytes:
        raise ExportError("no converter for it")

    def broken(_engine: str, _artefact: Path) -> bytes:
        return b"no graph at all"

    for exporter in (refuse, broken):
        monkeypatch.setattr(version, "export_onnx", exporter)
        file = artefact(tmp_path, LogisticRegression())
        written = publish(tmp_path / "v1", DESCRIPTION, file, HELD_OUT)
        assert (written.engine, written.parity) == ("sklearn", None)
        assert list(written.files) == ["model.skops"]
        VersionFolder.open(tmp_path / "v1")


def test_an_onnx_artefact_is_served_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "made elsewhere.onnx"
    file.write_bytes(export_onnx("sklearn", artefact(tmp_path, LogisticRegression())))
    written = publish(tmp_path / "v1", DESCRIPTION, file, HELD_OUT)
    assert (written.engine, written.artefacts, written.parity) == (
        "onnx",
        {"onnx": "model.onnx"},
        None,
    )


def test_a_class_may_compute_by_itself(tmp_path: Path) -> None:
    numbers = TensorSpec(name="numbers", datatype="FP32", shape=(-1,))
    description = Description(
        name="squares",
        version="v7",
        predictor="predictors.squares:Squares",
        inputs=(numbers,),
        outputs=(numbers.model_copy(update={"name": "squares"}),),
    )
    written = publish(
        tmp_path / "v7", description, None, HeldOut({"numbers": np.array([1, 2], np.float32)})
    )
    assert (written.engine, written.artefacts, written.files) == (None, {}, {})


def test_further_files_are_hashed(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("hello")
    written = publish(
        tmp_path / "v1",
        DESCRIPTION,
        artefact(tmp_path, LogisticRegression()),
        HELD_OUT,
        files=[notes],
    )
    assert "notes.txt" in written.files
    (tmp_path / "v1" / "notes.txt").write_text("changed")
    with pytest.raises(VersionFolderError, match=r"notes\.txt"):
        VersionFolder.open(tmp_path / "v1")


def test_publishing_again_replaces_the_folder_whole(tmp_path: Path) -> None:
    file = artefact(tmp_path, LogisticRegression())
    publish(tmp_path / "v1", DESCRIPTION, file, HELD_OUT)
    (tmp_path / "v1" / "left over").touch()
    publish(tmp_path / "v1", DESCRIPTION, file, HELD_OUT)
    assert not (tmp_path / "v1" / "left over").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trained.skops", "v1"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    publish(tmp_path / "v1", DESCRIPTION, artefact(tmp_path, LogisticRegression()), HELD_OUT)
    before = (tmp_path / "v1" / "model.yaml").read_bytes()
    broken = tmp_path / "broken.skops"
    broken.write_bytes(b"not a model")
    with pytest.raises(EngineError):
        publish(tmp_path / "v1", DESCRIPTION, broken, HELD_OUT)
    assert (tmp_path / "v1" / "model.yaml").read_bytes() == before


@pytest.mark.parametrize("other", ["a folder of models", "another version", "a file"])
def test_what_is_no_older_form_of_the_version_is_never_replaced(other: str, tmp_path: Path) -> None:
    file = artefact(tmp_path, LogisticRegression())
    destination = tmp_path / "models"
    if other == "a file":
        destination.write_text("precious")
    elif other == "a folder of models":
        (destination / "mine").mkdir(parents=True)
    else:
        second = DESCRIPTION.model_copy(update={"version": "v2"})
        publish(destination, second, file, HELD_OUT)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        PublishError, match=r"models holds .*, expected an older sums/v1 or nothing"
    ):
        publish(destination, DESCRIPTION, file, HELD_OUT)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_published_into(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    publish(tmp_path / "v1", DESCRIPTION, artefact(tmp_path, LogisticRegression()), HELD_OUT)
    VersionFolder.open(tmp_path / "v1")


def test_a_failure_at_the_last_step_brings_back_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = artefact(tmp_path, LogisticRegression())
    publish(tmp_path / "v1", DESCRIPTION, file, HELD_OUT)
    (tmp_path / "v1" / "of the old one").touch()
    rename = Path.rename

    def no_room_for_the_new_one(self: Path, target: Path) -> Path:
        if (target, self.name) == (tmp_path / "v1", "v1"):
            raise OSError("no room")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", no_room_for_the_new_one)
    with pytest.raises(OSError, match="no room"):
        publish(tmp_path / "v1", DESCRIPTION, file, HELD_OUT)
    assert (tmp_path / "v1" / "of the old one").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trained.skops", "v1"]
    VersionFolder.open(tmp_path / "v1")


@pytest.mark.parametrize("name", ["old.joblib", "old.pkl", "old.pickle"])
def test_a_pickle_is_refused_with_the_way_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=f"trellis models convert {name} old.skops"):
        publish(tmp_path / "v1", DESCRIPTION, tmp_path / name, HELD_OUT)


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"weights\.bin: expected one of \.keras, "):
        publish(tmp_path / "v1", DESCRIPTION, tmp_path / "weights.bin", HELD_OUT)


def test_model_yaml_reads_well(tmp_path: Path) -> None:
    publish(tmp_path / "v1", DESCRIPTION, artefact(tmp_path, LogisticRegression()), HELD_OUT)
    text = (tmp_path / "v1" / "model.yaml").read_text(encoding="utf-8")
    assert "shape: [-1, 3]" in text
    assert "labels: [small, large]" in text
    ModelYaml.model_validate(yaml.safe_load(text))
