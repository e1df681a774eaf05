import random

from trellis.local.backoff import Backoff


def test_delays_double_up_to_a_bound_with_jitter() -> None:
    backoff = Backoff(first=1, largest=8, jitter=random.Random(3))
    delays = [backoff.next_delay(0) for _ in range(6)]
    for delay, middle in zip(delays, [1, 2, 4, 8, 8, 8], strict=True):
        assert 0.75 * middle <= delay <= 1.25 * middle
    assert delays[3] != delays[4]


def test_a_long_time_ready_is_forgiven() -> None:
    backoff = Backoff(first=1, forgiven=30)
    for _ in range(5):
        backoff.next_delay(0)
    assert backoff.next_delay(29) > 20
    assert backoff.next_delay(31) < 1.5
    assert backoff.deaths == 1
