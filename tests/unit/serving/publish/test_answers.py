import numpy as np
import pytest

from trellis.serving.publish.answers import compare
from trellis.serving.types import Tensors, bytes_array


def outputs(rows: list[list[float]], labels: list[bytes]) -> Tensors:
    return {"probabilities": np.array(rows, dtype=np.float32), "label": bytes_array(labels)}


def test_equal_answers() -> None:
    one = outputs([[0.25, 0.75], [0.5, 0.5]], [b"b", b"a"])
    parity = compare(one, one, 1e-4)
    assert (parity.rows, parity.largest_difference, parity.label_agreement) == (2, 0, 1)


def test_the_largest_difference_of_any_row_counts() -> None:
    one = outputs([[0.25, 0.75], [0.5, 0.5], [1, 0]], [b"b", b"a", b"a"])
    other = outputs([[0.25, 0.75], [0.5, 0.25], [1, 0.125]], [b"b", b"b", b"a"])
    parity = compare(one, other, 1e-4)
    assert parity.largest_difference == 0.25
    assert parity.label_agreement == pytest.approx(2 / 3)


def test_a_missing_number_is_infinitely_far() -> None:
    one = {"squares": np.array([1.0, 2.0])}
    parity = compare(one, {"squares": np.array([1.0, np.nan])}, 1e-4)
    assert parity.largest_difference == np.inf
    assert parity.label_agreement == 0.5


def test_without_labels_rows_agree_within_the_tolerance() -> None:
    one = {"squares": np.array([1.0, 2.0, 3.0, 4.0])}
    other = {"squares": np.array([1.0, 2.001, 3.0, 4.0])}
    assert compare(one, other, 1e-2).label_agreement == 1
    assert compare(one, other, 1e-4).label_agreement == 0.75
