"""Answers of classifiers, exactly as the design has them."""

from collections.abc import Callable

import numpy as np

from trellis.serving import Classifier
from trellis.serving.version_folder import VersionFolder

MakeFolder = Callable[..., VersionFolder]
SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])


def classifier(make_folder: MakeFolder) -> Classifier:
    return Classifier(make_folder(labels=["healthy", "mite", "grün"]))


def test_v2_outputs_in_order(make_folder: MakeFolder) -> None:
    outputs = classifier(make_folder).encode({"whatever": SCORES})
    assert list(outputs) == ["probabilities", "label", "confidence"]
    assert outputs["probabilities"].dtype == np.float32
    assert outputs["label"].tolist() == [b"mite", b"healthy"]
    np.testing.assert_allclose(outputs["confidence"], [0.7, 0.5])
    assert outputs["confidence"].shape == (2,)


def test_v1_predictions(make_folder: MakeFolder) -> None:
    model = classifier(make_folder)
    first, second = model.v1_predictions(model.encode({"p": SCORES}))
    assert list(first) == ["label", "confidence", "probabilities"]
    assert first["label"] == "mite"
    assert list(first["probabilities"]) == ["healthy", "mite", "grün"]
    assert first["confidence"] == first["probabilities"]["mite"]
    assert second["label"] == "healthy"


def test_of_equal_probabilities_the_first_label_wins(make_folder: MakeFolder) -> None:
    outputs = classifier(make_folder).encode({"p": np.full((1, 3), 1 / 3)})
    assert outputs["label"].tolist() == [b"healthy"]
