"""Rows as example requests in V2 JSON; the first of a version warms it up."""

import base64
from collections.abc import Sequence
from typing import Any

from trellis.contracts.tensors import Example, ExampleTensor, TensorSpec
from trellis.serving.publish.held_out import HeldOut
from trellis.serving.types import Tensors

_MOST = 6


def example(title: str, inputs: Tensors, specs: Sequence[TensorSpec]) -> Example:
    """One request of these wire tensors; pictures as base64, other BYTES as text."""
    tensors = []
    for spec in specs:
        array = inputs[spec.name]
        values: list[Any]
        if spec.content == "image":
            values = [base64.b64encode(value).decode() for value in array]
        elif spec.datatype == "BYTES":
            values = [value.decode() for value in array]
        else:
            values = [
                float(f"{value:.7g}") if spec.datatype.startswith("FP") else value
                for value in array.ravel().tolist()
            ]
        tensors.append(
            ExampleTensor(
                name=spec.name, datatype=spec.datatype, shape=array.shape, data=tuple(values)
            )
        )
    return Example(title=title, inputs=tuple(tensors))


def of_held_out(
    held_out: HeldOut, specs: Sequence[TensorSpec], labels: Sequence[str]
) -> tuple[Example, ...]:
    """The first row of each of the first labels, right or wrong; the first row where there are none."""
    if held_out.truth is None:
        return (example("first held-out row", held_out.part(0, 1), specs),)
    truth = held_out.truth.tolist()
    first = [(label, truth.index(index)) for index, label in enumerate(labels) if index in truth]
    return tuple(example(label, held_out.part(row, row + 1), specs) for label, row in first[:_MOST])
