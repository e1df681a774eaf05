"""From a version folder to a loaded version: hashes, class, engine, warm-up, metrics."""

from trellis.serving.batching import Limits
from trellis.serving.cpu import usable_cpus
from trellis.serving.loaded import LoadedVersion
from trellis.serving.observed import ObservedAnswers, ObservedVersion
from trellis.serving.predictor import Predictor, predictor_class
from trellis.serving.settings import ServingSettings
from trellis.serving.version_folder import VersionFolder, VersionFolderError
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ServingMetrics


class Opening:
    """How this process opens versions: its settings and its metrics."""

    def __init__(self, settings: ServingSettings, metrics: ServingMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self.threads = settings.threads or max(1, usable_cpus() // settings.workers)

    def open(self, folder: VersionFolder) -> Predictor:
        """A loaded and warm predictor; slow, for a thread.

        Raises ``VersionFolderError``, ``EngineError`` or what the class raises.
        """
        folder.check_hashes()
        chosen = predictor_class(folder.yaml.predictor, self._settings.predictor_packages)
        engine = self._settings.engine if folder.yaml.engine else None
        predictor = chosen(folder, engine, self.threads)
        predictor.ready = predictor.load()
        if not predictor.ready:
            raise VersionFolderError(
                f"{folder.title}: load() of {folder.yaml.predictor} returned False"
            )
        predictor.warm_up()
        return predictor

    def wrap(self, predictor: Predictor, model: str) -> LoadedVersion:
        """The predictor with its batcher and metrics, under the name that it answers to."""
        settings = self._settings
        version = predictor.folder.yaml.version
        revision = settings.revision or version
        limits = Limits(
            settings.max_batch_rows, settings.max_queue_rows, settings.batch_latency_target
        )
        get_logger().info("version loaded", model=model, version=version, revision=revision)
        labels = predictor.folder.yaml.labels
        observed = ObservedVersion(self._metrics, model, version, revision, labels)
        return LoadedVersion(predictor, model, revision, limits, observed)

    def nobody(self) -> ObservedAnswers:
        """Counts requests whose version is not known."""
        return ObservedAnswers(self._metrics, "", "", self._settings.revision or "")
