"""The held-out rows in numbers: how good the answers are, and what live traffic compares with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trellis.contracts.model_yaml import Histogram, Reference
from trellis.serving.publish.held_out import HeldOut
from trellis.serving.types import Tensors

_DECILES = np.linspace(0, 1, 11)
_CONFIDENCE_BINS = 20


def metrics(
    outputs: Tensors, truth: NDArray[np.intp] | None, labels: Sequence[str]
) -> dict[str, float]:
    """``accuracy``, ``macro_f1`` and ``log_loss`` of a classifier's outputs; empty without truth."""
    if truth is None or "probabilities" not in outputs:
        return {}
    probabilities = outputs["probabilities"].astype(np.float64)
    chosen = probabilities.argmax(axis=1)
    of_truth = np.clip(probabilities[np.arange(len(truth)), truth], 1e-7, 1.0)
    return {
        "accuracy": round(float(np.mean(chosen == truth)), 4),
        "macro_f1": round(float(np.mean([_f1(chosen, truth, k) for k in range(len(labels))])), 4),
        "log_loss": round(float(-np.log(of_truth).mean()), 4),
    }


def _f1(chosen: NDArray[np.intp], truth: NDArray[np.intp], label: int) -> float:
    hits = np.sum((chosen == label) & (truth == label))
    all_of_either = np.sum(chosen == label) + np.sum(truth == label)
    return float(2 * hits / all_of_either) if all_of_either else 1.0


def reference(
    held_out: HeldOut, outputs: Tensors, labels: Sequence[str], columns: Sequence[str]
) -> Reference:
    """Label shares and confidences as served, deciles of every number and of every text's length.

    ``columns`` names a two-dimensional input's columns; others are ``input.0``, ``input.1``.
    A BYTES input gives ``input.bytes``.
    """
    shares: dict[str, float] = {}
    confidence: Histogram | None = None
    if "label" in outputs:
        served = outputs["label"].tolist()
        shares = {label: round(served.count(label.encode()) / len(served), 4) for label in labels}
        counts, edges = np.histogram(outputs["confidence"], bins=_CONFIDENCE_BINS, range=(0.0, 1.0))
        confidence = Histogram(
            edges=tuple(np.round(edges.astype(np.float64), 4).tolist()),
            counts=tuple(counts.tolist()),
        )
    return Reference(
        rows=held_out.rows,
        label_shares=shares,
        confidence=confidence,
        feature_quantiles=_quantiles(held_out.inputs, columns),
    )


def _quantiles(inputs: Tensors, columns: Sequence[str]) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for name, array in inputs.items():
        if array.dtype == object:
            found[f"{name}.bytes"] = _deciles(np.array([len(value) for value in array]))
        elif array.ndim == 1:
            found[name] = _deciles(array)
        elif array.ndim == 2:
            titles = (
                columns
                if len(columns) == array.shape[1]
                else [f"{name}.{i}" for i in range(array.shape[1])]
            )
            found.update({title: _deciles(array[:, i]) for i, title in enumerate(titles)})
    return found


def _deciles(values: np.ndarray) -> tuple[float, ...]:
    return tuple(
        float(f"{value:.6g}") for value in np.quantile(values.astype(np.float64), _DECILES)
    )
