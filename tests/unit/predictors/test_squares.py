from pathlib import Path

import numpy as np

from predictors.squares import Squares
from trellis.serving.version_folder import VersionFolder

FOLDER = Path(__file__).parents[3] / "models" / "squares" / "v1"


def test_squares() -> None:
    predictor = Squares(VersionFolder.open(FOLDER))
    assert predictor.load()
    outputs = predictor.encode(
        predictor.predict(predictor.decode({"numbers": np.array([2, -3, 0.5], np.float32)}))
    )
    assert outputs["squares"].dtype == np.float32
    assert outputs["squares"].tolist() == [4, 9, 0.25]
