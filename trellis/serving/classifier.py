"""Predictors whose outputs are a probability for each of a version's labels."""

from typing import Any

import numpy as np

from trellis.contracts.model_yaml import EngineName
from trellis.serving.predictor import Predictor
from trellis.serving.types import Tensors, bytes_array
from trellis.serving.version_folder import VersionFolder


class Classifier(Predictor):
    """``predict`` returns one array of probabilities [n, k]; this adds label and confidence.

    V2 outputs, in this order: ``probabilities`` FP32 [n, k], ``label`` BYTES [n],
    ``confidence`` FP32 [n]; k follows the order of ``labels`` in ``model.yaml``.
    """

    def __init__(
        self, folder: VersionFolder, engine_name: EngineName | None = None, threads: int = 1
    ) -> None:
        super().__init__(folder, engine_name, threads)
        self.labels = folder.yaml.labels
        self._label_bytes = bytes_array([label.encode() for label in self.labels])

    def encode(self, outputs: Tensors) -> Tensors:
        """Probabilities [n, k] to probabilities, label [n] and confidence [n]."""
        (scores,) = outputs.values()
        probabilities = np.ascontiguousarray(scores, dtype=np.float32)
        best = probabilities.argmax(axis=1)
        confidence = probabilities[np.arange(len(best)), best]
        return {
            "probabilities": probabilities,
            "label": self._label_bytes[best],
            "confidence": confidence,
        }

    def v1_predictions(self, outputs: Tensors) -> list[Any]:
        """``{"label", "confidence", "probabilities": {label: p}}`` a row."""
        rows = zip(outputs["label"], outputs["confidence"], outputs["probabilities"], strict=True)
        return [
            {
                "label": label.decode(),
                "confidence": confidence,
                "probabilities": dict(zip(self.labels, probabilities, strict=True)),
            }
            for label, confidence, probabilities in rows
        ]
