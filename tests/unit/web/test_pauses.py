from trellis.gateway.jobs.callback import PAUSES
from trellis.web.pauses import Pauses


def test_pauses_double_with_jitter_up_to_the_bound() -> None:
    pauses = Pauses(first=2.0, longest=10.0)
    for attempt, bound in enumerate((2, 4, 8, 10, 10), start=1):
        drawn = [pauses.after(attempt) for _ in range(200)]
        assert all(bound / 2 <= pause <= bound for pause in drawn)
        assert len(set(drawn)) > 100


def test_many_attempts_overflow_nothing() -> None:
    assert Pauses(first=1.0, longest=60.0).after(100_000) <= 60


def test_callbacks_are_tried_for_hours() -> None:
    hours = sum(PAUSES.after(attempt) for attempt in range(1, 14)) / 3600
    assert 1.5 < hours < 5
