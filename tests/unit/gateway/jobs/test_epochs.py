from prometheus_client import CollectorRegistry

from trellis.gateway.jobs.epochs import Epochs
from trellis.telemetry.metrics import GatewayMetrics


def test_each_loss_is_counted_once() -> None:
    registry = CollectorRegistry()
    epochs = Epochs(GatewayMetrics(registry))

    def losses() -> float | None:
        return registry.get_sample_value("trellis_jobs_store_lost_total")

    for epoch, expected in (("", 0), ("a", 0), ("a", 0), ("", 1), ("", 1), ("b", 1), ("c", 2)):
        epochs.saw(epoch)
        assert losses() == expected, epoch
