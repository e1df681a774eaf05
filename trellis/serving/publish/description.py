"""What a person says of a version; the rest of ``model.yaml`` is measured."""

from typing import Any, Self

from pydantic import model_validator

from trellis.contracts.model_yaml import TrainingData
from trellis.contracts.tensors import Document, Name, TensorSpec


class Description(Document):
    """The input of ``trellis models publish``.

    ``outputs`` may be left out for a classifier, which always has the same three.
    ``metrics`` are figures measured elsewhere (a cross-validation); those on the held-out rows
    are added to them.
    """

    name: Name
    version: Name
    description: str = ""
    predictor: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...] = ()
    labels: tuple[str, ...] = ()
    preprocessing: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    data: TrainingData | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.outputs and not self.labels:
            raise ValueError("outputs: needed where there are no labels")
        return self

    def all_outputs(self) -> tuple[TensorSpec, ...]:
        """The outputs given, else a classifier's: probabilities, label, confidence."""
        return self.outputs or (
            TensorSpec(name="probabilities", datatype="FP32", shape=(-1, len(self.labels))),
            TensorSpec(name="label", datatype="BYTES", shape=(-1,), content="text"),
            TensorSpec(name="confidence", datatype="FP32", shape=(-1,)),
        )
