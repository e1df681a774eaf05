"""What pods of the controller's benchmark have answered at a moment."""

import pytest

from tests.bench.controller.traffic import Traffic


def test_requests_come_at_the_rate_of_their_time() -> None:
    traffic = Traffic(at=100.0)
    assert traffic.counted(110.0) == {}
    traffic.change(110.0, rate=20)
    traffic.change(115.0, rate=2)
    assert traffic.counted(120.0) == {"200": 110}


def test_errors_are_a_share_of_what_comes_from_then_on() -> None:
    traffic = Traffic(at=0.0, rate=10)
    traffic.change(10.0, errors=0.5)
    assert traffic.counted(14.0) == {"200": 120, "500": 20}
    traffic.change(14.0, rate=0)
    assert traffic.counted(99.0) == {"200": 120, "500": 20}


@pytest.mark.parametrize("earlier", [0.0, 9.9])
def test_a_moment_before_the_last_one_takes_nothing_back(earlier: float) -> None:
    traffic = Traffic(at=0.0, rate=10)
    assert traffic.counted(10.0) == traffic.counted(earlier) == {"200": 100}
