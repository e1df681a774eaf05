"""Predictor classes that misbehave on demand, and version folders that name them."""

import hashlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from predictors.image import ImageClassifier
from trellis.contracts.tensors import Datatype
from trellis.serving import Predictor, Tensors

PACKAGE = "tests.integration.serving.lab"
ENVIRONMENT = {"TRELLIS_PREDICTOR_PACKAGES": f"predictors,{PACKAGE}"}

#: Every datatype of V2, so that an echo shows each on the wire.
NUMBERS: tuple[Datatype, ...] = (
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
)


class Echo(Predictor):
    """Gives back ``in_X`` as ``out_X`` for every datatype X."""

    def predict(self, inputs: Tensors) -> Tensors:
        return {name.replace("in_", "out_", 1): array for name, array in inputs.items()}


class Sleeper(Predictor):
    """``seconds`` FP32 [n]: computes for the sum of them; gives how many rows shared the batch."""

    def predict(self, inputs: Tensors) -> Tensors:
        seconds = inputs["seconds"]
        time.sleep(float(seconds.sum()))
        return {"shared": np.full(len(seconds), len(seconds), dtype=np.int64)}


class Touchy(Predictor):
    """Squares, after a pause in which others gather; breaks on 13, gives NaN for 14."""

    def predict(self, inputs: Tensors) -> Tensors:
        numbers = inputs["numbers"]
        time.sleep(0.002)
        if (numbers == 13).any():
            raise RuntimeError("thirteen in /secret/place.py")
        with np.errstate(invalid="ignore"):
            return {"squares": np.where(numbers == 14, np.float32("nan"), numbers**2)}


class Slow(Predictor):
    """Squares, 150 ms later than could be."""

    def predict(self, inputs: Tensors) -> Tensors:
        time.sleep(0.15)
        return {"squares": inputs["numbers"] ** 2}


class Redness(ImageClassifier):
    """How red a picture is, as the probability of ``red``: its right answer is known."""

    def predict(self, inputs: Tensors) -> Tensors:
        (pixels,) = inputs.values()
        red = pixels[..., 0].mean(axis=(1, 2), dtype=np.float64) / 255
        return {"probabilities": np.stack([red, 1 - red], axis=1).astype(np.float32)}


class TextLength(Predictor):
    """``text`` BYTES [n] to the number of characters of each."""

    def decode(self, inputs: Tensors) -> Tensors:
        lengths = [len(text.decode()) for text in inputs["text"]]
        return {"text": np.array(lengths, dtype=np.int64)}

    def predict(self, inputs: Tensors) -> Tensors:
        return {"length": inputs["text"]}


class SlowToLoad(Predictor):
    """Takes half a second to load; ``most`` is the largest number of instances alive at once."""

    alive = 0
    most = 0
    _lock = threading.Lock()

    def load(self) -> bool:
        time.sleep(0.3)
        with self._lock:
            SlowToLoad.alive += 1
            SlowToLoad.most = max(self.most, self.alive)
        return super().load()

    def predict(self, inputs: Tensors) -> Tensors:
        numbers = inputs["numbers"]
        own = int(self.folder.yaml.version.removeprefix("v"))
        time.sleep(0.01)
        return {
            "version": np.full(len(numbers), own, dtype=np.int64),
            "most_alive": np.full(len(numbers), self.most, dtype=np.int64),
        }

    def stop(self) -> None:
        with self._lock:
            SlowToLoad.alive -= 1
        super().stop()


class EndlessToLoad(Predictor):
    """Does not finish loading while anybody waits."""

    def load(self) -> bool:
        time.sleep(600)
        return super().load()


Spec = tuple[str, str, Sequence[int]] | tuple[str, str, Sequence[int], str]


def write_version(
    folder: Path,
    *,
    predictor: str,
    inputs: Sequence[Spec],
    outputs: Sequence[Spec],
    example: Sequence[dict[str, Any]],
    files: dict[str, bytes] | None = None,
    **fields: Any,
) -> Path:
    """A version folder ``…/model/version`` whose class is ``predictor`` of this module.

    ``predictor`` may also be a whole ``module:Class``. Returns ``folder``.
    """
    folder.mkdir(parents=True)
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
    document = {
        "name": folder.parent.name,
        "version": folder.name,
        "predictor": predictor if ":" in predictor else f"{PACKAGE}:{predictor}",
        "inputs": [_spec(spec) for spec in inputs],
        "outputs": [_spec(spec) for spec in outputs],
        "examples": [{"title": "an example", "inputs": list(example)}],
        "created": "2026-01-01T00:00:00Z",
        "files": {
            name: hashlib.sha256(content).hexdigest() for name, content in (files or {}).items()
        },
        **fields,
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return folder


def _spec(spec: Spec) -> dict[str, Any]:
    name, datatype, shape = spec[:3]
    content = {"content": spec[3]} if len(spec) == 4 else {}
    return {"name": name, "datatype": datatype, "shape": list(shape), **content}


def tensor(
    name: str, datatype: str, data: Sequence[Any], shape: Sequence[int] | None = None
) -> dict[str, Any]:
    """One input in V2 JSON; without ``shape``, a list of rows."""
    return {
        "name": name,
        "datatype": datatype,
        "shape": list(shape or [len(data)]),
        "data": list(data),
    }


def write_squares(folder: Path, **fields: Any) -> Path:
    """Squares of numbers, as the repository has it."""
    return write_version(
        folder,
        predictor="predictors.squares:Squares",
        inputs=[("numbers", "FP32", [-1])],
        outputs=[("squares", "FP32", [-1])],
        example=[tensor("numbers", "FP32", [2.0])],
        **fields,
    )


def write_endless(folder: Path) -> Path:
    """A version that is never loaded."""
    return write_version(
        folder,
        predictor="EndlessToLoad",
        inputs=[("numbers", "FP32", [-1])],
        outputs=[("squares", "FP32", [-1])],
        example=[tensor("numbers", "FP32", [2.0])],
    )


def write_slow_to_load(folder: Path) -> Path:
    """A version that takes a while to load."""
    return write_version(
        folder,
        predictor="SlowToLoad",
        inputs=[("numbers", "FP32", [-1])],
        outputs=[("version", "INT64", [-1]), ("most_alive", "INT64", [-1])],
        example=[tensor("numbers", "FP32", [2.0])],
    )


def write_sleeper(folder: Path) -> Path:
    """A version whose requests take as long as they say."""
    return write_version(
        folder,
        predictor="Sleeper",
        inputs=[("seconds", "FP32", [-1])],
        outputs=[("shared", "INT64", [-1])],
        example=[tensor("seconds", "FP32", [0.0])],
    )


def write_lab(folder: Path) -> Path:
    """A folder of models, one of each kind."""
    example = [tensor(f"in_{kind}", kind, [1, 0], [1, 2]) for kind in NUMBERS]
    for item in example:
        if item["datatype"] == "BOOL":
            item["data"] = [True, False]
    write_version(
        folder / "echo" / "v1",
        predictor="Echo",
        inputs=[
            *((f"in_{kind}", kind, [-1, 2]) for kind in NUMBERS),
            ("in_BYTES", "BYTES", [-1, 2]),
        ],
        outputs=[
            *((f"out_{kind}", kind, [-1, 2]) for kind in NUMBERS),
            ("out_BYTES", "BYTES", [-1, 2]),
        ],
        example=[*example, tensor("in_BYTES", "BYTES", ["a", ""], [1, 2])],
    )
    write_version(
        folder / "touchy" / "v1",
        predictor="Touchy",
        inputs=[("numbers", "FP32", [-1])],
        outputs=[("squares", "FP32", [-1])],
        example=[tensor("numbers", "FP32", [2.0])],
    )
    for version in ("v1", "v2", "v10"):
        write_squares(folder / "squares" / version, labels=[version])
    write_sleeper(folder / "sleeper" / "v1")
    write_version(
        folder / "redness" / "v1",
        predictor="Redness",
        inputs=[("image", "BYTES", [-1], "image")],
        outputs=[
            ("probabilities", "FP32", [-1, 2]),
            ("label", "BYTES", [-1], "text"),
            ("confidence", "FP32", [-1]),
        ],
        example=[tensor("image", "BYTES", [_dot()])],
        labels=["red", "other"],
        preprocessing={"width": 8, "height": 8},
    )
    write_version(
        folder / "length" / "v1",
        predictor="TextLength",
        inputs=[("text", "BYTES", [-1], "text")],
        outputs=[("length", "INT64", [-1])],
        example=[tensor("text", "BYTES", ["four"])],
    )
    write_version(
        folder / "table" / "v1",
        predictor="predictors.squares:Squares",
        inputs=[("numbers", "FP32", [-1, 3])],
        outputs=[("squares", "FP32", [-1, 3])],
        example=[tensor("numbers", "FP32", [1.0, 2.0, 3.0], [1, 3])],
    )
    return folder


def _dot() -> str:
    import base64

    from tests.integration.serving.pictures import png

    return base64.b64encode(png((255, 0, 0), size=(1, 1))).decode()
