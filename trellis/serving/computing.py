"""What the compute thread does with a batch: join, compute, check, split; a bad row fails alone."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trellis.serving.errors import DoesNotFit, Fault, ServingError
from trellis.serving.types import Tensors

Compute = Callable[[Tensors], Tensors]

#: As few numbers are looked at faster in Python than by numpy.
_FEW = 16


class Work(Protocol):
    """One request's rows, and where its outputs or its error go."""

    tensors: Tensors
    rows: int
    result: Tensors | ServingError | None


def compute_all(compute: Compute, work: Sequence[Work]) -> None:
    """Give every request its result, computing as few batches as that takes.

    A batch that raises is halved until the request at fault stands alone. Rows whose output is
    no number fail without computing the others again.
    """
    try:
        if len(work) == 1:
            outputs = _outputs(compute, work[0].tensors, work[0].rows)
        else:
            names = work[0].tensors
            joined = {name: np.concatenate([one.tensors[name] for one in work]) for name in names}
            outputs = _outputs(compute, joined, sum(one.rows for one in work))
    except BaseException as error:  # noqa: BLE001 - whatever a predictor raises, the thread goes on
        if len(work) == 1:
            work[0].result = _told(error)
            return
        middle = len(work) // 2
        compute_all(compute, work[:middle])
        compute_all(compute, work[middle:])
        return
    wrong = [name for name, array in outputs.items() if not _finite(array)]
    if len(work) == 1 and not wrong:
        work[0].result = outputs
        return
    reached = 0
    for one in work:
        end = reached + one.rows
        one.result = {name: array[reached:end] for name, array in outputs.items()}
        for name in wrong:
            if not _finite(outputs[name][reached:end]):
                one.result = not_a_number(name, outputs[name][reached:end])
        reached = end


def not_a_number(name: str, array: NDArray[Any]) -> ServingError:
    """The error for an output that JSON could not hold.

    NaN is the model's fault and counts as one, so that a canary with broken weights is seen. An
    infinity without NaN is where finite input leads a sound computation: the square of 1e30.
    """
    if np.isnan(array).any():
        fault = Fault("the model computed no number for this input")
        fault.__cause__ = ArithmeticError(f"output {name!r} holds NaN")
        return fault
    return DoesNotFit(f"output {name!r} is not a finite number for this input")


def _outputs(compute: Compute, tensors: Tensors, rows: int) -> Tensors:
    outputs = compute(tensors)
    right = bool(outputs)
    for array in outputs.values():
        right = right and array.shape[:1] == (rows,)
    if not right:
        shapes = {name: list(array.shape) for name, array in outputs.items()}
        raise ValueError(f"the predictor returned {shapes} for {rows} rows")
    return outputs


def _finite(array: NDArray[Any]) -> bool:
    if array.dtype.kind != "f":
        return True
    if array.size <= _FEW:
        return all(map(math.isfinite, array.ravel().tolist()))
    return bool(np.isfinite(array).all())


def _told(error: BaseException) -> ServingError:
    if isinstance(error, ServingError):
        return error
    fault = Fault("the prediction failed")
    fault.__cause__ = error
    return fault
