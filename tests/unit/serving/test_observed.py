"""One version's metrics, as a request fills them."""

from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from trellis.serving.observed import ObservedVersion
from trellis.serving.types import bytes_array
from trellis.telemetry.metrics import ServingMetrics

WHO = {"model": "m", "version": "v1", "revision": "m-1"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def observed(registry: CollectorRegistry) -> ObservedVersion:
    return ObservedVersion(ServingMetrics(registry), "m", "v1", "m-1", ("red", "grün"))


def test_answers(registry: CollectorRegistry, observed: ObservedVersion) -> None:
    observed.answered(200, "v2", 0.5)
    observed.answered(200, "v2", 1.5)
    observed.answered(422, "v1", 2.0)
    get = registry.get_sample_value
    assert get("trellis_requests_total", {**WHO, "code": "200", "protocol": "v2"}) == 2
    assert get("trellis_requests_total", {**WHO, "code": "422", "protocol": "v1"}) == 1
    assert get("trellis_request_duration_seconds_sum", WHO) == 4
    assert get("trellis_request_duration_seconds_squares_total", WHO) == 6.5


def test_labels_and_confidences(registry: CollectorRegistry, observed: ObservedVersion) -> None:
    observed.computed(
        {
            "label": bytes_array([b"red", b"red", "grün".encode()]),
            "confidence": np.array([0.5, 1, 0.5], np.float32),
        }
    )
    get = registry.get_sample_value
    assert get("trellis_predictions_total", {**WHO, "label": "red"}) == 2
    assert get("trellis_predictions_total", {**WHO, "label": "grün"}) == 1
    assert get("trellis_prediction_confidence_sum", WHO) == 2
    assert get("trellis_prediction_confidence_count", WHO) == 3
    assert get("trellis_prediction_confidence_squares_total", WHO) == 1.5


def test_labels_that_the_version_does_not_name_share_one_series(
    registry: CollectorRegistry, observed: ObservedVersion
) -> None:
    texts: list[Any] = [b"red", b"\xff", "red", ["unhashable"], None]
    labels = np.empty(105, dtype=object)
    labels[:] = [*texts, *(b"%d" % number for number in range(100))]
    observed.computed({"label": labels, "confidence": np.ones(105, np.float32)})
    get = registry.get_sample_value
    assert get("trellis_predictions_total", {**WHO, "label": "red"}) == 1
    assert get("trellis_predictions_total", {**WHO, "label": "other"}) == 104
    (family,) = (found for found in registry.collect() if found.name == "trellis_predictions")
    series = {sample.labels["label"] for sample in family.samples}
    assert series == {"red", "grün", "other"}


@pytest.mark.parametrize(
    "outputs",
    [
        {"squares": np.zeros(2)},
        {"label": bytes_array([b"a"])},
        {"label": np.zeros(1), "confidence": np.zeros(1)},
        {"label": bytes_array([b"red"])[:, None], "confidence": np.zeros(1)},
        {"label": bytes_array([b"red"]), "confidence": np.zeros((1, 2))},
        {"label": bytes_array([b"red"]), "confidence": bytes_array([b"high"])},
        {"label": bytes_array([b"red"])[0:1].reshape(()), "confidence": np.zeros(1)},
    ],
    ids=[
        "other",
        "label alone",
        "label of numbers",
        "label in columns",
        "confidence in columns",
        "confidence in words",
        "label without rows",
    ],
)
def test_outputs_that_are_no_classifiers_count_nothing(
    registry: CollectorRegistry, observed: ObservedVersion, outputs: dict[str, np.ndarray]
) -> None:
    observed.computed(outputs)
    assert registry.get_sample_value("trellis_prediction_confidence_count", WHO) == 0


def test_phases_batches_and_gauges(registry: CollectorRegistry, observed: ObservedVersion) -> None:
    observed.decoded(0.1)
    observed.waited(0.2)
    observed.batch(8, 0.3)
    observed.encoded(0.4)
    observed.depth(7)
    observed.set_loaded(True)
    get = registry.get_sample_value
    name = "trellis_request_phase_duration_seconds_sum"
    sums = [
        get(name, {**WHO, "phase": phase}) for phase in ("decode", "queue", "predict", "encode")
    ]
    assert sums == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert get("trellis_batch_size_sum", WHO) == 8
    assert get("trellis_queue_depth", WHO) == 7
    assert get("trellis_loaded_model_versions", WHO) == 1
    observed.set_loaded(False)
    assert get("trellis_loaded_model_versions", WHO) == 0
