from prometheus_client import CollectorRegistry

from tests.unit.gateway.events.exposures import exposure
from trellis.gateway.events.exposure_log import ExposureLog
from trellis.gateway.metering import KEPT_SECONDS
from trellis.telemetry.metrics import GatewayMetrics


def test_the_series_of_arms_that_nobody_meets_any_more_go_when_new_ones_come() -> None:
    registry = CollectorRegistry()
    log = ExposureLog(None, lambda _: 60.0, GatewayMetrics(registry), 10)

    def count(arm: str) -> float | None:
        labels = {"experiment": "", "arm": arm}
        return registry.get_sample_value("trellis_exposures_total", labels)

    def meet(arm: str, time: float) -> None:
        log.met(exposure(arm=arm, experiment=None, time=time))

    meet("leaf-1", 0.0)
    meet("leaf-2", 0.0)
    meet("leaf-2", KEPT_SECONDS)
    meet("leaf-3", KEPT_SECONDS)
    assert [count(f"leaf-{number}") for number in (1, 2, 3)] == [1, 2, 1]
    meet("leaf-4", KEPT_SECONDS + 1)
    assert [count(f"leaf-{number}") for number in (1, 2, 3, 4)] == [None, 2, 1, 1]
    meet("leaf-1", KEPT_SECONDS + 2)
    assert count("leaf-1") == 1
