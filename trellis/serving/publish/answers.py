"""Held-out rows through the predictor's own path, and how two engines' answers differ."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trellis.contracts.model_yaml import EngineName, Parity
from trellis.serving.predictor import predictor_class
from trellis.serving.publish.held_out import HeldOut
from trellis.serving.types import Tensors
from trellis.serving.version_folder import VersionFolder

_BATCH = 128


class WrongLabelsError(ValueError):
    """The description's labels are not the model's, or not in its order."""


def answers(
    folder: Path, engine: EngineName | None, held_out: HeldOut, packages: tuple[str, ...]
) -> Tensors:
    """The version's outputs for all rows, as its server would give them with this engine.

    Raises what opening a version raises: ``VersionFolderError``, ``EngineError``; a
    ``ServingError`` for a row that the version refuses; ``WrongLabelsError``.
    """
    opened = VersionFolder.open(folder)
    predictor = predictor_class(opened.yaml.predictor, packages)(opened, engine)
    predictor.load()
    _check_labels(getattr(predictor.engine, "classes", None), opened.yaml.labels)
    parts = [
        predictor.encode(predictor.predict(predictor.decode(held_out.part(start, start + _BATCH))))
        for start in range(0, held_out.rows, _BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _check_labels(classes: tuple[Any, ...] | None, labels: tuple[str, ...]) -> None:
    """Classes that are names must be the labels; numbers only have to be as many."""
    if classes is None or not labels:
        return
    names = all(isinstance(name, str) for name in classes)
    if len(classes) != len(labels) or (names and classes != labels):
        raise WrongLabelsError(
            f"labels: {list(labels)} came, but the model's probabilities are of {list(classes)}, in this order"
        )


def compare(one: Tensors, other: Tensors, tolerance: float) -> Parity:
    """How far two engines' answers to the same rows are apart.

    Without a label, rows agree where no number differs by more than ``tolerance``.
    """
    rows = len(next(iter(one.values())))
    differences = np.zeros(rows)
    for name, array in _numbers(one):
        apart = np.abs(array.astype(np.float64) - other[name].astype(np.float64)).reshape(rows, -1)
        differences = np.maximum(differences, np.nan_to_num(apart, nan=np.inf).max(axis=1))
    agree = one["label"] == other["label"] if "label" in one else differences <= tolerance
    return Parity(
        rows=rows,
        largest_difference=float(differences.max()),
        label_agreement=float(np.mean(agree)),
        tolerance=tolerance,
    )


def _numbers(outputs: Tensors) -> Iterator[tuple[str, np.ndarray]]:
    return ((name, array) for name, array in outputs.items() if array.dtype != object)
