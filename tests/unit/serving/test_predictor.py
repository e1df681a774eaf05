"""The base class: what a subclass may leave out, and which classes may be named at all."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from predictors.squares import Squares
from trellis.contracts.model_yaml import EngineName
from trellis.serving import Predictor, Tensors
from trellis.serving.engines import EngineError
from trellis.serving.predictor import predictor_class
from trellis.serving.types import bytes_array
from trellis.serving.version_folder import VersionFolder, VersionFolderError

DIABETES = Path(__file__).parents[3] / "models" / "diabetes"

MakeFolder = Callable[..., VersionFolder]


def test_a_class_within_the_packages_is_found() -> None:
    assert predictor_class("predictors.squares:Squares", ("predictors",)) is Squares


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("os:system", "is not in an allowed package; .* allows .'predictors'"),
        ("predictors_evil.squares:Squares", "is not in an allowed package"),
        ("predictors.none:Squares", "cannot be imported"),
        ("predictors.squares:None", "cannot be imported"),
        ("predictors.squares:Tensors", "is not a subclass of trellis.serving.Predictor"),
        ("predictors.image:np", "is not a subclass"),
        ("predictors:__name__", "is not a subclass"),
    ],
)
def test_any_other_name_is_refused(spec: str, words: str) -> None:
    with pytest.raises(VersionFolderError, match=words):
        predictor_class(spec, ("predictors",))


def test_a_module_out_of_bounds_is_not_even_imported() -> None:
    import sys

    assert "antigravity" not in sys.modules
    with pytest.raises(VersionFolderError):
        predictor_class("antigravity:Predictor", ("predictors",))
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(("engine", "file"), [("onnx", "model.onnx"), ("sklearn", "model.skops")])
def test_a_file_that_changes_after_its_hash_was_checked_is_not_loaded(
    engine: EngineName, file: str, tmp_path: Path
) -> None:
    shutil.copytree(DIABETES / "v2", tmp_path / "v2")
    folder = VersionFolder.open(tmp_path / "v2")
    shutil.copy(DIABETES / "v1" / file, tmp_path / "v2" / file)
    kind = predictor_class(folder.yaml.predictor, ("predictors",))
    with pytest.raises(EngineError, match=f"{file} was changed while it was being opened"):
        kind(folder, engine).load()


class Bare(Predictor):
    """Overrides nothing."""


def test_a_class_without_engine_or_predict_says_what_it_lacks(make_folder: MakeFolder) -> None:
    predictor = Bare(make_folder())
    assert predictor.load() is True
    with pytest.raises(NotImplementedError, match="Bare has no engine and does not override"):
        predictor.predict({})


def test_an_engine_without_its_artefact_is_refused(make_folder: MakeFolder) -> None:
    predictor = Squares(make_folder(), engine_name="onnx")
    with pytest.raises(VersionFolderError, match="squares/v1 has no artefact for engine 'onnx'"):
        predictor.load()


def test_decode_and_encode_leave_things_as_they_are(make_folder: MakeFolder) -> None:
    predictor = Squares(make_folder())
    tensors: Tensors = {"numbers": np.zeros(2)}
    assert predictor.decode(tensors) is tensors
    assert predictor.encode(tensors) is tensors


def test_warm_up_answers_the_first_example(make_folder: MakeFolder) -> None:
    seen: list[Any] = []

    class Watching(Squares):
        def predict(self, inputs: Tensors) -> Tensors:
            seen.append(inputs["numbers"].tolist())
            return super().predict(inputs)

    Watching(make_folder()).warm_up()
    assert seen == [[2.0]]


def test_v1_rows_of_one_output_and_of_several(make_folder: MakeFolder) -> None:
    predictor = Squares(make_folder())
    one: Tensors = {"a": np.array([[1, 2], [3, 4]])}
    assert predictor.v1_predictions(one) == [[1, 2], [3, 4]]
    texts = np.array([[b"x", b"\xff"], [b"y", b""]], dtype=object)
    several: Tensors = {"a": np.array([1, 2]), "b": texts, "c": bytes_array([b"p", b"q"])}
    assert predictor.v1_predictions(several) == [
        {"a": 1, "b": ["x", "�"], "c": "p"},
        {"a": 2, "b": ["y", ""], "c": "q"},
    ]


def test_kserve_is_told_the_signature(make_folder: MakeFolder) -> None:
    predictor = Squares(make_folder())
    assert predictor.get_input_types() == [{"name": "numbers", "datatype": "FP32", "shape": [-1]}]
    assert predictor.get_output_types() == [{"name": "squares", "datatype": "FP32", "shape": [-1]}]
