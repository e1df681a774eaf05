"""Squares of numbers: the smallest predictor there is, to copy from."""

from trellis.serving.predictor import Predictor
from trellis.serving.types import Tensors


class Squares(Predictor):
    """``numbers`` FP32 [n] to ``squares`` FP32 [n]; needs no artefact and no engine."""

    predict_on_loop = True  # it takes microseconds: leave this out where it may take longer

    def predict(self, inputs: Tensors) -> Tensors:
        """Square every number of the batch."""
        return {"squares": inputs["numbers"] ** 2}
