"""One version's metrics with their labels bound, so that a request only adds numbers.

KServe's own histograms are filled beside ours, for dashboards that know them; its predict
histogram counts batches here.
"""

from collections.abc import Callable

from kserve.metrics import POST_HIST_TIME, PRE_HIST_TIME, PREDICT_HIST_TIME
from prometheus_client import Counter

from trellis.serving.types import Tensors
from trellis.telemetry.metrics import PHASES, ServingMetrics
from trellis.telemetry.observers import observer


class ObservedAnswers:
    """Answers of one (model, version, revision); all three are empty where nobody was found."""

    def __init__(self, metrics: ServingMetrics, model: str, version: str, revision: str) -> None:
        self._who = (model, version, revision)
        self._metrics = metrics
        self._requests: dict[tuple[int, str], Counter] = {}
        self._duration = observer(metrics.duration.labels(*self._who))
        self._duration_squares = metrics.duration_squares.labels(*self._who)

    def answered(self, code: int, protocol: str, seconds: float) -> None:
        """Count one answer."""
        counter = self._requests.get((code, protocol))
        if counter is None:
            counter = self._metrics.requests.labels(*self._who, str(code), protocol)
            self._requests[code, protocol] = counter
        counter.inc()
        self._duration(seconds)
        self._duration_squares.inc(seconds * seconds)


class ObservedVersion(ObservedAnswers):
    """All metrics of one loaded version."""

    def __init__(self, metrics: ServingMetrics, model: str, version: str, revision: str) -> None:
        super().__init__(metrics, model, version, revision)
        who = self._who
        self._decoded, self.waited, self._predicted, self._encoded = (
            observer(metrics.phase.labels(*who, phase)) for phase in PHASES
        )
        self._kserve = [
            observer(histogram.labels(model))
            for histogram in (PRE_HIST_TIME, PREDICT_HIST_TIME, POST_HIST_TIME)
        ]
        self.inflight = metrics.inflight.labels(*who)
        self.depth: Callable[[float], None] = metrics.queue_depth.labels(*who).set
        self._batch_size = metrics.batch_size.labels(*who)
        self._labels: dict[bytes, Counter] = {}
        self._confidence = observer(metrics.confidence.labels(*who))
        self._confidence_squares = metrics.confidence_squares.labels(*who)
        self._loaded = metrics.loaded.labels(*who)

    def batch(self, rows: int, seconds: float) -> None:
        """Count one batch."""
        self._batch_size.observe(rows)
        self._predicted(seconds)
        self._kserve[1](seconds)

    def decoded(self, seconds: float) -> None:
        """A body became arrays."""
        self._decoded(seconds)
        self._kserve[0](seconds)

    def encoded(self, seconds: float) -> None:
        """Arrays became a body."""
        self._encoded(seconds)
        self._kserve[2](seconds)

    def computed(self, outputs: Tensors) -> None:
        """Count labels and confidences, where the outputs are a classifier's."""
        labels, confidences = outputs.get("label"), outputs.get("confidence")
        if labels is None or confidences is None or labels.dtype != object:
            return
        for label in labels:
            counter = self._labels.get(label)
            if counter is None:
                counter = self._metrics.predictions.labels(
                    *self._who, label.decode("utf-8", "replace")
                )
                self._labels[label] = counter
            counter.inc()
        squares = 0.0
        for value in confidences.tolist():
            self._confidence(value)
            squares += value * value
        self._confidence_squares.inc(squares)

    def set_loaded(self, loaded: bool) -> None:
        """Say whether the version is in memory."""
        self._loaded.set(1 if loaded else 0)
