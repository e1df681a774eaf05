"""One version's metrics with their labels bound, so that a request only adds numbers.

KServe's own histograms are filled beside ours, for dashboards that know them; its predict
histogram counts batches here.
"""

from collections.abc import Callable, Sequence

from kserve.metrics import POST_HIST_TIME, PRE_HIST_TIME, PREDICT_HIST_TIME

from trellis.serving.types import Tensors
from trellis.telemetry.metrics import PHASES, ServingMetrics
from trellis.telemetry.observers import adder, observer

Adder = Callable[[float], None]


class ObservedAnswers:
    """Answers of one (model, version, revision); all three are empty where nobody was found."""

    def __init__(self, metrics: ServingMetrics, model: str, version: str, revision: str) -> None:
        self._who = (model, version, revision)
        self._metrics = metrics
        self._requests: dict[tuple[int, str], Adder] = {}
        self._duration = observer(metrics.duration.labels(*self._who))
        self._duration_squares = adder(metrics.duration_squares.labels(*self._who))

    def answered(self, code: int, protocol: str, seconds: float) -> None:
        """Count one answer."""
        add = self._requests.get((code, protocol))
        if add is None:
            add = adder(self._metrics.requests.labels(*self._who, str(code), protocol))
            self._requests[code, protocol] = add
        add(1)
        self._duration(seconds)
        self._duration_squares(seconds * seconds)


#: Counts labels that ``model.yaml`` does not name: their number has no bound.
OTHER = "other"


class ObservedVersion(ObservedAnswers):
    """All metrics of one loaded version; ``labels``, those that its ``model.yaml`` names."""

    def __init__(
        self,
        metrics: ServingMetrics,
        model: str,
        version: str,
        revision: str,
        labels: Sequence[str] = (),
    ) -> None:
        super().__init__(metrics, model, version, revision)
        who = self._who
        self._decoded, self.waited, self._predicted, self._encoded = (
            observer(metrics.phase.labels(*who, phase)) for phase in PHASES
        )
        self._kserve = [
            observer(histogram.labels(model))
            for histogram in (PRE_HIST_TIME, PREDICT_HIST_TIME, POST_HIST_TIME)
        ]
        self.inflight = adder(metrics.inflight.labels(*who))
        self.depth: Callable[[float], None] = metrics.queue_depth.labels(*who).set
        self._batch_size = observer(metrics.batch_size.labels(*who))
        # All are bound here, so that nothing can fail where an answer waits.
        self._labels = {
            label.encode(): adder(metrics.predictions.labels(*who, label)) for label in labels
        }
        self._other = adder(metrics.predictions.labels(*who, OTHER))
        self._confidence = observer(metrics.confidence.labels(*who))
        self._confidence_squares = adder(metrics.confidence_squares.labels(*who))
        self._loaded = metrics.loaded.labels(*who)

    def batch(self, rows: int, seconds: float) -> None:
        """Count one batch."""
        self._batch_size(rows)
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
        """Count labels and confidences, where the outputs are a classifier's.

        Raises nothing, whatever a predictor calls ``label``.
        """
        labels, confidences = outputs.get("label"), outputs.get("confidence")
        if labels is None or confidences is None or labels.dtype != object or labels.ndim != 1:
            return
        if confidences.dtype.kind != "f" or confidences.ndim != 1:
            return
        for label in labels:
            add = self._labels.get(label, self._other) if type(label) is bytes else self._other
            add(1)
        squares = 0.0
        for value in confidences.tolist():
            self._confidence(value)
            squares += value * value
        self._confidence_squares(squares)

    def set_loaded(self, loaded: bool) -> None:
        """Say whether the version is in memory."""
        self._loaded.set(1 if loaded else 0)
