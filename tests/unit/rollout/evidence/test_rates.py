import math

import pytest

from trellis.rollout.evidence.rates import log_rate_within


@pytest.mark.parametrize(("rate", "factor"), [(1 / 120, 1.0), (0.5, 1.0), (0.5, 1.7)])
def test_its_mean_is_one_at_the_rate_and_less_above(rate: float, factor: float) -> None:
    seconds = 40.0
    expected = factor * rate * seconds
    mean = math.fsum(
        math.exp(
            count * math.log(expected)
            - expected
            - math.lgamma(count + 1)
            + log_rate_within(count, seconds, rate)
        )
        for count in range(300)
    )
    assert mean == pytest.approx(1.0, rel=1e-9) if factor == 1 else mean < 1


def test_time_without_an_event_shows_it_and_an_event_sets_it_back() -> None:
    quiet = [log_rate_within(0, seconds, 1 / 120) for seconds in (120, 360, 720)]
    assert quiet == sorted(quiet)
    assert quiet[0] < math.log(20) < quiet[2]
    assert log_rate_within(1, 720, 1 / 120) < quiet[2]
