"""A network of MobileNet's size, taught to tell the drawn tomato leaves apart a little."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.tomato.leaves import LABELS, draw
from predictors.image import ImagePreprocessing
from trellis.contracts.tensors import TensorSpec

_SIDE = 224
_PREPROCESSING = ImagePreprocessing(width=_SIDE, height=_SIDE, scale=1 / 127.5, offset=-1.0)
_SEED = 7
_STEPS, _BATCH = 40, 20


@dataclass(frozen=True)
class Published:
    """The same network behind two signatures: JPEG files, and FP32 [n, 224, 224, 3]."""

    pictures: Path
    tensors: Path


def leaf(size: tuple[int, int]) -> bytes:
    """One drawn leaf as a JPEG of ``size`` (width, height), always the same."""
    return draw(np.random.default_rng(_SEED), "Early_blight", size)


def pixels() -> NDArray[np.float32]:
    """The same leaf as FP32 [1, 224, 224, 3], 0 to 255."""
    picture = Image.open(io.BytesIO(leaf((_SIDE, _SIDE)))).convert("RGB")
    return np.asarray(picture, np.float32)[None]


def published(scratch: Path) -> Published:
    """Both version folders below ``scratch``, made on first use (a minute or two)."""
    found = Published(scratch / "mobilenet" / "v1", scratch / "mobilenet-tensor" / "v1")
    if not (found.tensors / "model.yaml").exists():
        print("making the MobileNet of the benchmark (once) ...", flush=True)
        _publish(found, scratch)
    return found


def _publish(folders: Published, scratch: Path) -> None:
    from trellis.serving.publish import Description, HeldOut, publish
    from trellis.serving.types import bytes_array

    model = _trained()
    artefact = scratch / "mobilenet.keras"
    model.save(artefact)
    rng = np.random.default_rng(_SEED + 1)
    truth = np.arange(40) % len(LABELS)
    files = [draw(rng, LABELS[index], (_SIDE, _SIDE)) for index in truth]
    publish(
        folders.pictures,
        Description(
            name="mobilenet",
            version="v1",
            predictor="predictors.image:ImageClassifier",
            inputs=(TensorSpec(name="image", datatype="BYTES", shape=(-1,), content="image"),),
            labels=LABELS,
            preprocessing=_PREPROCESSING.model_dump(),
        ),
        artefact,
        HeldOut({"image": bytes_array(files)}, truth),
    )
    publish(
        folders.tensors,
        Description(
            name="mobilenet-tensor",
            version="v1",
            predictor="trellis.serving.classifier:Classifier",
            inputs=(TensorSpec(name="image", datatype="FP32", shape=(-1, _SIDE, _SIDE, 3)),),
            labels=LABELS,
        ),
        artefact,
        HeldOut({"image": _scaled(files)}, truth),
        examples=[("a leaf", {"image": np.zeros((1, _SIDE, _SIDE, 3), np.float32)})],
        packages=("trellis.serving",),
    )


def _trained() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    keras.utils.set_random_seed(_SEED)
    model = keras.applications.MobileNetV2((_SIDE, _SIDE, 3), weights=None, classes=len(LABELS))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8  # its running means must follow within so few steps
    model.compile(keras.optimizers.Adam(5e-4), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(_SEED)
    for step in range(_STEPS):
        truth = np.arange(_BATCH) % len(LABELS)
        files = [draw(rng, LABELS[index], (_SIDE, _SIDE)) for index in truth]
        loss = model.train_on_batch(_scaled(files), truth)
        print(f"  step {step + 1} of {_STEPS}, loss {float(loss):.3f}", end="\r", flush=True)
    print(flush=True)
    return model


def _scaled(files: list[bytes]) -> NDArray[np.float32]:
    return _PREPROCESSING.scaled(np.stack([_PREPROCESSING.pixels(file) for file in files]))
