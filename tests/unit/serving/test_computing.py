"""A batch's results: whoever is at fault fails alone, and nothing ends the thread."""

from dataclasses import dataclass

import numpy as np
import pytest

from trellis.serving.computing import compute_all
from trellis.serving.errors import BadRequest, DoesNotFit, Fault, ServingError
from trellis.serving.types import Tensors


@dataclass
class One:
    tensors: Tensors
    rows: int
    result: Tensors | ServingError | None = None


def one(*values: float) -> One:
    return One({"x": np.array(values)}, len(values))


def test_each_gets_its_rows_of_one_batch() -> None:
    work = [one(1), one(2, 3), one(4)]
    batches: list[int] = []

    def double(tensors: Tensors) -> Tensors:
        batches.append(len(tensors["x"]))
        return {"y": tensors["x"] * 2}

    compute_all(double, work)
    assert [w.result["y"].tolist() for w in work if isinstance(w.result, dict)] == [
        [2],
        [4, 6],
        [8],
    ]
    assert batches == [4]


def test_a_batch_that_raises_is_halved_until_the_one_at_fault_is_alone() -> None:
    work = [one(value) for value in range(16)]
    batches: list[int] = []

    def compute(tensors: Tensors) -> Tensors:
        batches.append(len(tensors["x"]))
        if 5 in tensors["x"]:
            raise ValueError("five")
        return {"y": tensors["x"]}

    compute_all(compute, work)
    failed = [w for w in work if not isinstance(w.result, dict)]
    assert failed == [work[5]]
    assert isinstance(failed[0].result, Fault)
    assert isinstance(failed[0].result.__cause__, ValueError)
    assert len(batches) == 9  # 16, then two halves at each of four depths


@pytest.mark.parametrize(
    "error", [StopIteration(), SystemExit(3), KeyboardInterrupt(), MemoryError()]
)
def test_whatever_is_raised_becomes_a_fault_that_a_future_can_hold(error: BaseException) -> None:
    def compute(_: Tensors) -> Tensors:
        raise error

    work = [one(1)]
    compute_all(compute, work)
    assert isinstance(work[0].result, Fault)
    assert work[0].result.__cause__ is error
    assert str(error) not in str(work[0].result) or not str(error)


def test_an_error_for_the_caller_stays_what_it_is() -> None:
    refused = BadRequest("no")

    def compute(_: Tensors) -> Tensors:
        raise refused

    work = [one(1)]
    compute_all(compute, work)
    assert work[0].result is refused


def test_rows_without_a_number_fail_without_another_computation() -> None:
    work = [one(1), one(2, np.inf), one(np.nan, np.inf), one(4)]
    batches: list[int] = []

    def compute(tensors: Tensors) -> Tensors:
        batches.append(len(tensors["x"]))
        return {"y": tensors["x"], "name": np.full(len(tensors["x"]), b"x", dtype=object)}

    compute_all(compute, work)
    assert batches == [6]
    assert isinstance(work[0].result, dict)
    assert isinstance(work[1].result, DoesNotFit)
    assert isinstance(work[2].result, Fault)  # a canary with broken weights must count as an error
    assert isinstance(work[3].result, dict)


@pytest.mark.parametrize(
    "outputs",
    [{}, {"y": np.zeros(1)}, {"y": np.zeros(2), "z": np.zeros(3)}, {"y": np.array(5.0)}],
    ids=["nothing", "too few rows", "one of two wrong", "a scalar"],
)
def test_a_predictor_that_returns_other_rows_is_at_fault(outputs: Tensors) -> None:
    work = [one(1, 2)]
    compute_all(lambda _: outputs, work)
    assert isinstance(work[0].result, Fault)
    assert "for 2 rows" in str(work[0].result.__cause__)
