"""Small convolutional networks: built, trained the same way each time, and published."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# oneDNN adds numbers in another order from run to run; the same seed shall give the same model.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.pictures import Pictures
from predictors.image import ImagePreprocessing
from trellis.contracts.model_yaml import ModelYaml
from trellis.contracts.tensors import TensorSpec
from trellis.serving.publish import Description, HeldOut, publish
from trellis.serving.types import bytes_array

IMAGE = TensorSpec(name="image", datatype="BYTES", shape=(-1,), content="image")


@dataclass(frozen=True)
class Recipe:
    """How one version is made.

    ``filters``: of each convolution, each halving the picture; ``rows``: how many drawn
    pictures it learns from; ``mirror``: pictures are turned over at random while it learns,
    left to right (``sideways``) or every way (``anyhow``).
    """

    description: str
    filters: tuple[int, ...]
    rows: int
    epochs: int
    mirror: str = "none"
    normalise: bool = False


def build(recipe: Recipe, preprocessing: ImagePreprocessing, labels: int) -> Any:
    """An untrained network: float32 [n, height, width, 3], scaled, to probabilities [n, labels]."""
    inputs = keras.Input((preprocessing.height, preprocessing.width, 3), name="image")
    x = inputs
    for filters in recipe.filters:
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=not recipe.normalise)(x)
        if recipe.normalise:
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.Activation("relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    if recipe.normalise:
        x = keras.layers.Dropout(0.25)(keras.layers.Flatten()(x))
    else:
        x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(
        inputs, keras.layers.Dense(labels, activation="softmax", name="probabilities")(x)
    )


def fit(
    recipe: Recipe, preprocessing: ImagePreprocessing, learn: Pictures, labels: int, seed: int
) -> Any:
    """A trained network; the same arguments give the same one."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    model = build(recipe, preprocessing, labels)
    batch = 32
    steps = -(-len(learn.files) // batch)
    pace = keras.optimizers.schedules.CosineDecay(3e-3, recipe.epochs * steps)
    model.compile(
        keras.optimizers.Adam(pace), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    pixels = learn.pixels(preprocessing)
    rng = np.random.default_rng(seed)
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("", total=recipe.epochs * steps)
        for _ in range(recipe.epochs):
            order = rng.permutation(len(pixels))
            model.reset_metrics()
            for start in range(0, len(order), batch):
                rows = order[start : start + batch]
                some = _mirrored(rng, pixels[rows], recipe.mirror)
                loss, accuracy = model.train_on_batch(preprocessing.scaled(some), learn.truth[rows])
                progress.update(
                    task, advance=1, description=f"loss {loss:.3f}, accuracy {accuracy:.3f}"
                )
    return model


def _mirrored(
    rng: np.random.Generator, pixels: NDArray[np.uint8], mirror: str
) -> NDArray[np.uint8]:
    if mirror == "none":
        return pixels
    turned = pixels.copy()
    sideways = rng.random(len(pixels)) < 0.5
    turned[sideways] = turned[sideways, :, ::-1]
    if mirror == "anyhow":
        over = rng.random(len(pixels)) < 0.5
        turned[over] = turned[over, ::-1]
        across = rng.random(len(pixels)) < 0.5
        turned[across] = turned[across].transpose(0, 2, 1, 3)
    return turned


def publish_cnn(
    destination: Path,
    model: Any,
    description: Description,
    judge: Pictures,
    examples: Sequence[tuple[str, bytes]],
) -> ModelYaml:
    """Write the version folder; ``examples`` are titles and pictures."""
    with tempfile.TemporaryDirectory() as folder:
        artefact = Path(folder) / "model.keras"
        keras.Model(model.inputs, model.outputs).save(artefact)  # without the optimiser's state
        return publish(
            destination,
            description,
            artefact,
            HeldOut({IMAGE.name: bytes_array(judge.files)}, judge.truth),
            examples=[(title, {IMAGE.name: bytes_array([picture])}) for title, picture in examples],
        )
