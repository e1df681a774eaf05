from pathlib import Path

import numpy as np
import pytest

from predictors.tabular import TabularClassifier
from trellis.serving.version_folder import VersionFolder

DIABETES = Path(__file__).parents[3] / "models" / "diabetes"


@pytest.fixture(scope="module", params=["v1", "v2"])
def classifier(request: pytest.FixtureRequest) -> TabularClassifier:
    predictor = TabularClassifier(VersionFolder.open(DIABETES / request.param))
    predictor.load()
    return predictor


def test_rows_are_classified(classifier: TabularClassifier) -> None:
    healthy = [25, 1, 19, 75, 150, 80, 65, 2, 3.9, 80]
    ill = [60, 2, 39, 120, 230, 140, 30, 8, 5.9, 115]
    rows = np.array([healthy, ill], dtype=np.float32)
    outputs = classifier.encode(classifier.predict(classifier.decode({"features": rows})))
    assert outputs["label"].tolist() == [b"low", b"high"]
    assert outputs["probabilities"].shape == (2, 2)
