"""Rows to learn from and rows to be judged by, chosen by a seed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stratified(
    truth: Sequence[int] | NDArray[np.intp], held_out_share: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of training and held-out rows, shuffled, the same share of every label held out.

    Every label with at least two rows is on both sides.
    """
    rng = np.random.default_rng(seed)
    labels = np.asarray(truth)
    held_out: list[int] = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        count = (
            min(max(1, round(len(rows) * held_out_share)), len(rows) - 1) if len(rows) > 1 else 0
        )
        held_out += rows[:count].tolist()
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[held_out] = True
    return rng.permutation(np.flatnonzero(~chosen)), rng.permutation(np.flatnonzero(chosen))
