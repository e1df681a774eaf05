import gc

import structlog
from prometheus_client import CollectorRegistry

from trellis.contracts.routing_table import Arm
from trellis.gateway.ejection import Rules
from trellis.gateway.healths import Healths
from trellis.telemetry.metrics import GatewayMetrics

WHO = {"model": "m", "version": "v1", "revision": "r1"}
ARM = Arm(url="http://a:1", model="inner", version="v1", revision="r1")


def test_the_same_arm_keeps_its_health_over_tables_and_one_that_moved_does_not() -> None:
    healths = Healths(GatewayMetrics(CollectorRegistry()), Rules(3, 5.0))
    health = healths.of("m", ARM)
    assert healths.of("m", ARM.model_copy(update={"intervals": ((0.0, 0.5),)})) is health
    assert healths.of("m", ARM.model_copy(update={"url": "http://b:1"})) is not health
    assert healths.of("other", ARM) is not health


def test_an_arm_that_no_table_has_is_forgotten() -> None:
    healths = Healths(GatewayMetrics(CollectorRegistry()), Rules(1, 5.0))
    health = healths.of("m", ARM)
    health.failed(health.era, 0.0)
    assert healths.of("m", ARM).state == "out"
    del health
    gc.collect()
    assert healths.of("m", ARM).state == "in"


def test_what_changes_is_counted_and_logged() -> None:
    registry = CollectorRegistry()
    health = Healths(GatewayMetrics(registry), Rules(1, 5.0)).of("m", ARM)

    def told() -> tuple[float | None, float | None]:
        return (
            registry.get_sample_value("trellis_ejected_arms", WHO),
            registry.get_sample_value("trellis_ejections_total", WHO),
        )

    with structlog.testing.capture_logs() as lines:
        health.failed(health.era, 0.0)
        assert told() == (1, 1)
        health.probed(health.era, 5.0, ready=True)
        assert told() == (1, 1)
        health.served(health.era, 6.0)
        assert told() == (0, 1)
    assert [line["event"] for line in lines] == ["arm ejected", "arm on trial", "arm is back"]
    assert all(line["revision"] == "r1" for line in lines)


def test_an_arm_that_left_the_table_while_out_is_no_longer_told_of() -> None:
    registry = CollectorRegistry()
    healths = Healths(GatewayMetrics(registry), Rules(1, 5.0))
    health, other = healths.of("m", ARM), healths.of("other", ARM)

    def told() -> float | None:
        return registry.get_sample_value("trellis_ejected_arms", WHO)

    healths.in_use({health, other})
    health.failed(health.era, 0.0)
    assert told() == 1
    healths.in_use({other})
    assert told() is None
    health.probed(health.era, 5.0, ready=True)
    assert told() is None, "a request that is still under way tells nothing of it either"
    healths.in_use({health, other})
    assert told() == 1
    health.served(health.era, 6.0)
    assert told() == 0


def test_an_arm_that_moved_while_out_is_no_longer_told_of_as_out() -> None:
    registry = CollectorRegistry()
    healths = Healths(GatewayMetrics(registry), Rules(1, 5.0))
    health = healths.of("m", ARM)
    health.failed(health.era, 0.0)
    healths.in_use({healths.of("m", ARM.model_copy(update={"url": "http://b:1"}))})
    assert registry.get_sample_value("trellis_ejected_arms", WHO) == 0
