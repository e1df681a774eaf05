"""Rows that the training never saw, as a client would send them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trellis.contracts.tensors import TensorSpec
from trellis.serving.types import Tensors, bytes_array, rows_of

_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_LABEL = "label"


class HeldOutError(ValueError):
    """The held-out rows cannot be read; the message names the file's field."""


@dataclass(frozen=True)
class HeldOut:
    """``inputs``: wire tensors by name, dimension 0 the rows; ``truth``: label index a row."""

    inputs: Tensors
    truth: NDArray[np.intp] | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return rows_of(self.inputs)

    def part(self, start: int, stop: int) -> Tensors:
        """Rows ``start`` up to ``stop`` of every input."""
        return {name: array[start:stop] for name, array in self.inputs.items()}

    @classmethod
    def read(cls, path: Path, inputs: Sequence[TensorSpec], labels: Sequence[str]) -> Self:
        """Read a ``.npz`` (an array an input, and ``label``), a ``.csv`` or a folder a label.

        A CSV has a header: one column of the input's name for text, or a column a feature in
        order, and ``label``. A folder holds a folder of pictures for each label. Raises
        ``HeldOutError``.
        """
        if path.is_dir():
            return cls._of_folder(path, inputs[0], labels)
        if path.suffix == ".npz":
            return cls._of_npz(path, inputs, labels)
        if path.suffix == ".csv":
            return cls._of_csv(path, inputs[0], labels)
        raise HeldOutError(
            f"{path.name}: expected a .npz, a .csv or a folder with a folder a label"
        )

    @classmethod
    def _of_folder(cls, path: Path, spec: TensorSpec, labels: Sequence[str]) -> Self:
        files: list[bytes] = []
        truth: list[int] = []
        for index, label in enumerate(labels):
            pictures = sorted(p for p in (path / label).glob("*") if p.suffix.lower() in _PICTURES)
            files += [picture.read_bytes() for picture in pictures]
            truth += [index] * len(pictures)
        if not files:
            raise HeldOutError(f"{path.name}: no pictures in folders named {', '.join(labels)}")
        return cls({spec.name: bytes_array(files)}, np.array(truth, dtype=np.intp))

    @classmethod
    def _of_npz(cls, path: Path, inputs: Sequence[TensorSpec], labels: Sequence[str]) -> Self:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [spec.name for spec in inputs if spec.name not in arrays]
            if missing:
                raise HeldOutError(f"{path.name}: no array {missing[0]!r}, only {sorted(arrays)}")
            tensors = {spec.name: arrays[spec.name] for spec in inputs}
            truth = _indices(path, arrays[_LABEL].tolist(), labels) if _LABEL in arrays else None
        return cls(tensors, truth)

    @classmethod
    def _of_csv(cls, path: Path, spec: TensorSpec, labels: Sequence[str]) -> Self:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise HeldOutError(f"{path.name}: no rows below the header")
        columns = [name for name in rows[0] if name != _LABEL]
        truth = _indices(path, [row[_LABEL] for row in rows], labels) if _LABEL in rows[0] else None
        if spec.datatype == "BYTES":
            if spec.name not in columns:
                raise HeldOutError(f"{path.name}: no column {spec.name!r}, only {columns}")
            return cls({spec.name: bytes_array([row[spec.name].encode() for row in rows])}, truth)
        try:
            values = [[float(row[column]) for column in columns] for row in rows]
        except (TypeError, ValueError) as error:
            raise HeldOutError(f"{path.name}: a value is no number: {error}") from error
        return cls({spec.name: np.array(values, dtype=np.float32)}, truth)


def _indices(path: Path, truth: list[Any], labels: Sequence[str]) -> NDArray[np.intp]:
    """Label names, or indices already, to indices."""
    known = {label: index for index, label in enumerate(labels)}
    known.update({str(index): index for index in range(len(labels)) if str(index) not in known})
    try:
        return np.array([known[str(value)] for value in truth], dtype=np.intp)
    except KeyError as error:
        raise HeldOutError(
            f"{path.name}: label {error} is not one of {', '.join(labels)}"
        ) from error
