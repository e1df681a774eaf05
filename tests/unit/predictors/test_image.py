import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from predictors.image import ImageClassifier, ImagePreprocessing
from trellis.contracts.model_yaml import ModelYaml
from trellis.serving.errors import BadRequest, WrongMediaType
from trellis.serving.types import bytes_array
from trellis.serving.version_folder import VersionFolder, VersionFolderError

TOMATO = Path(__file__).parents[3] / "models" / "tomato"


@pytest.fixture(scope="module")
def classifier() -> ImageClassifier:
    predictor = ImageClassifier(VersionFolder.open(TOMATO / "v2"))
    predictor.load()
    return predictor


def grey(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (10, 8), (value, value, value)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "sample", sorted((TOMATO / "examples").glob("*.jpg")), ids=lambda path: str(path.stem)
)
def test_the_committed_samples_are_recognised(classifier: ImageClassifier, sample: Path) -> None:
    pixels = classifier.decode({"image": bytes_array([sample.read_bytes()])})
    outputs = classifier.encode(classifier.predict(pixels))
    assert outputs["label"][0].decode().lower() == sample.stem


def test_a_batch_stays_small_until_it_is_computed(classifier: ImageClassifier) -> None:
    pixels = classifier.decode({"image": bytes_array([grey(0), grey(200)])})["image"]
    assert pixels.shape == (2, 64, 64, 3)
    assert pixels.dtype == np.uint8


def test_scale_and_offset() -> None:
    preprocessing = ImagePreprocessing(width=2, height=2, scale=2 / 255, offset=-1)
    pixels = np.stack([preprocessing.pixels(grey(value)) for value in (0, 255)])
    scaled = preprocessing.scaled(pixels)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[:, 0, 0, 0], [-1, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("file", "error"), [(b"some text that is no image", WrongMediaType), (grey(1)[:60], BadRequest)]
)
def test_a_bad_picture_is_refused(
    classifier: ImageClassifier, file: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        classifier.decode({"image": bytes_array([grey(0), file])})


@pytest.mark.parametrize(
    ("preprocessing", "field"),
    [
        ({"width": 0, "height": 4}, "preprocessing.width"),
        ({"width": 4, "height": 4, "widht": 1}, "preprocessing.widht"),
    ],
)
def test_preprocessing_that_does_not_fit_is_named(
    preprocessing: dict[str, int], field: str
) -> None:
    opened = VersionFolder.open(TOMATO / "v2")
    described = ModelYaml.model_validate(
        {**opened.yaml.model_dump(), "preprocessing": preprocessing}
    )
    with pytest.raises(VersionFolderError, match=field):
        ImageClassifier(VersionFolder(opened.path, described)).load()
