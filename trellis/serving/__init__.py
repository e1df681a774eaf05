"""The data plane: the predictor's base class, and the V1 and V2 server around it."""

from trellis.serving.classifier import Classifier
from trellis.serving.predictor import Predictor
from trellis.serving.types import Tensors

__all__ = ["Classifier", "Predictor", "Tensors"]
