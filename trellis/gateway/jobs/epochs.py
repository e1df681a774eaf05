"""Notices that the jobs' Redis was emptied: its epoch is gone, or another."""

from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics


class Epochs:
    """Remembers the epoch that this process saw last."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._seen = ""

    def saw(self, epoch: str) -> None:
        """``epoch`` as Redis tells it now, empty where there is none; a loss is logged and counted."""
        if self._seen and epoch != self._seen:
            self._metrics.jobs_store_lost.inc()
            get_logger().error("jobs' Redis was emptied, the jobs in it are lost", epoch=self._seen)
        self._seen = epoch
