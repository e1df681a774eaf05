import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from trellis.serving.publish.held_out import HeldOut
from trellis.serving.publish.measures import metrics, reference
from trellis.serving.types import bytes_array

LABELS = ("a", "b", "c")
RNG = np.random.default_rng(0)


def test_metrics_are_those_of_scikit_learn() -> None:
    probabilities = RNG.dirichlet(np.ones(3), 200).astype(np.float32)
    truth = RNG.integers(0, 3, 200)
    chosen = probabilities.argmax(axis=1)
    assert metrics({"probabilities": probabilities}, truth, LABELS) == {
        "accuracy": pytest.approx(accuracy_score(truth, chosen), abs=1e-4),
        "macro_f1": pytest.approx(f1_score(truth, chosen, average="macro"), abs=1e-4),
        "log_loss": pytest.approx(log_loss(truth, probabilities), abs=1e-3),
    }


def test_without_truth_there_are_no_metrics() -> None:
    assert metrics({"probabilities": np.ones((2, 3))}, None, LABELS) == {}
    assert metrics({"squares": np.ones(2)}, np.array([0, 1]), LABELS) == {}


def test_reference_of_a_classifier() -> None:
    outputs = {
        "label": bytes_array([b"a", b"b", b"b", b"b"]),
        "confidence": np.array([0.41, 0.99, 1.0, 0.76], dtype=np.float32),
    }
    held_out = HeldOut({"features": np.array([[0, 5], [1, 5], [2, 5], [10, 5]], dtype=np.float32)})
    found = reference(held_out, outputs, LABELS, ["age", "bmi"])
    assert found.label_shares == {"a": 0.25, "b": 0.75, "c": 0}
    assert found.confidence is not None
    assert sum(found.confidence.counts) == 4
    assert found.confidence.counts[-1] == 2
    assert found.confidence.edges[1] == 0.05
    assert list(found.feature_quantiles) == ["age", "bmi"]
    assert found.feature_quantiles["age"][0] == 0
    assert found.feature_quantiles["age"][5] == 1.5
    assert found.feature_quantiles["age"][-1] == 10
    assert len(found.feature_quantiles["age"]) == 11


def test_reference_without_column_names_and_of_texts() -> None:
    held_out = HeldOut(
        {"x": np.ones((2, 2)), "text": bytes_array([b"", b"12345678"]), "n": np.array([1, 2])}
    )
    found = reference(held_out, {"squares": np.ones(2)}, (), ())
    assert list(found.feature_quantiles) == ["x.0", "x.1", "text.bytes", "n"]
    assert found.feature_quantiles["text.bytes"][-1] == 8
    assert found.confidence is None
