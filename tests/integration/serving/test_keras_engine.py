"""The Keras engine with TensorFlow itself: both file formats, and what safe mode refuses."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from predictors.image import ImageClassifier
from trellis.contracts.tensors import TensorSpec
from trellis.serving.engines import EngineError, open_engine
from trellis.serving.publish import Description, HeldOut, publish
from trellis.serving.types import bytes_array
from trellis.serving.version_folder import VersionFolder

# TensorFlow and Keras warn of their own and of numpy's old names while they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")

TOMATO = Path(__file__).parents[3] / "models" / "tomato"
PIXELS = np.random.default_rng(0).random((5, 8, 8, 3)).astype(np.float32)


def small(keras: Any) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_both_formats_load(suffix: str, compiled: bool, keras: Any, tmp_path: Path) -> None:
    model = small(keras)
    if compiled:  # older projects saved the optimiser with it
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        model.train_on_batch(PIXELS, np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]])
    file = tmp_path / f"model{suffix}"
    model.save(file)
    engine = open_engine("keras", file, 1)
    (result,) = engine.run({"any name": PIXELS}).values()
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, model.predict_on_batch(PIXELS), atol=1e-6)
    assert engine.version.startswith("keras-3")


def test_a_file_with_another_hash_is_refused(keras: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    small(keras).save(file)
    open_engine("keras", file, 1, hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(EngineError, match="was changed while it was being opened"):
        open_engine("keras", file, 1, hashlib.sha256(b"another").hexdigest())


def test_any_number_of_rows_and_threads(keras: Any, tmp_path: Path) -> None:
    small(keras).save(tmp_path / "model.keras")
    engine = open_engine("keras", tmp_path / "model.keras", 2)
    (whole,) = engine.run({"x": PIXELS}).values()
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda n: engine.run({"x": PIXELS[:n]}), [1, 2, 3, 4, 5] * 4))
    for part in parts:
        (rows,) = part.values()
        np.testing.assert_allclose(rows, whole[: len(rows)], atol=1e-6)


def test_two_inputs_are_taken_by_name(keras: Any, tmp_path: Path) -> None:
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    keras.Model([left, right], keras.layers.Subtract()([left, right])).save(
        tmp_path / "model.keras"
    )
    engine = open_engine("keras", tmp_path / "model.keras", 1)
    one, two = np.array([[5, 6]], np.float32), np.array([[1, 4]], np.float32)
    (result,) = engine.run({"right": two, "left": one}).values()
    assert result.tolist() == [[4, 2]]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_code_in_a_file_is_refused(suffix: str, keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)])
    file = tmp_path / f"model{suffix}"
    model.save(file)
    with pytest.raises(EngineError, match="not a model that Keras loads in safe mode"):
        open_engine("keras", file, 1)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.pb"])
def test_what_is_no_model_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(EngineError, match=name):
        open_engine("keras", tmp_path / name, 1)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_is_published_with_its_export(suffix: str, keras: Any, tmp_path: Path) -> None:
    small(keras).save(tmp_path / f"trained{suffix}")
    files = [file.read_bytes() for file in sorted((TOMATO / "examples").glob("*.jpg"))]
    description = Description(
        name="leaves",
        version="v1",
        predictor="predictors.image:ImageClassifier",
        inputs=(TensorSpec(name="image", datatype="BYTES", shape=(-1,), content="image"),),
        labels=("a", "b", "c"),
        preprocessing={"width": 8, "height": 8, "scale": 1 / 255},
    )
    held_out = HeldOut({"image": bytes_array(files)}, np.array([0, 1, 2, 0]))
    written = publish(tmp_path / "v1", description, tmp_path / f"trained{suffix}", held_out)
    assert written.engine == "onnx"
    assert written.artefacts == {"keras": f"model{suffix}", "onnx": "model.onnx"}
    assert written.parity is not None
    assert written.parity.largest_difference < 1e-5
    VersionFolder.open(tmp_path / "v1")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_committed_model_answers_alike_in_both_engines(version: str) -> None:
    opened = VersionFolder.open(TOMATO / version)
    files = bytes_array([file.read_bytes() for file in sorted((TOMATO / "examples").glob("*.jpg"))])
    answers = []
    for engine in ("onnx", "keras"):
        predictor = ImageClassifier(opened, engine)
        predictor.load()
        (probabilities,) = predictor.predict(predictor.decode({"image": files})).values()
        answers.append(probabilities)
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)


def test_a_model_that_was_never_built_is_refused(keras: Any, tmp_path: Path) -> None:
    keras.Sequential([keras.layers.Dense(2)]).save(tmp_path / "model.keras")
    with pytest.raises(EngineError, match=r"model\.keras does not say which inputs it takes"):
        open_engine("keras", tmp_path / "model.keras", 1)
