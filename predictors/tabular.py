"""Classify rows of numbers."""

import numpy as np

from trellis.serving.classifier import Classifier
from trellis.serving.errors import DoesNotFit
from trellis.serving.types import Tensors


class TabularClassifier(Classifier):
    """One input FP32 [n, features] to probabilities; ``preprocessing.features`` names the columns."""

    def decode(self, inputs: Tensors) -> Tensors:
        """The rows as they are; raises ``DoesNotFit`` for a value that is no finite number."""
        ((name, rows),) = inputs.items()
        finite = np.isfinite(rows)
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            names = self.folder.yaml.preprocessing.get("features", ())
            title = f" ({names[column]})" if column < len(names) else ""
            raise DoesNotFit(
                f"input {name!r}, row {row}, column {column}{title}: "
                f"{rows[row, column]} came, a finite number was expected"
            )
        return inputs
