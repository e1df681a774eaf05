"""Classify rows of numbers."""

from trellis.serving.classifier import Classifier


class TabularClassifier(Classifier):
    """One input FP32 [n, features] to probabilities; ``preprocessing.features`` names the columns.

    The rows go to the engine as they are: the signature has let only finite numbers through.
    """

    predict_on_loop = True
