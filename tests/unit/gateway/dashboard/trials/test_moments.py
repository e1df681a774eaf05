import itertools

from trellis.gateway.dashboard.trials.moments import axis_of

BEGAN = 1_800_000_000.0  # 2027-01-15 08:00:00Z


def test_labels_stand_where_a_weight_began_and_at_the_end() -> None:
    axis = axis_of([(BEGAN + 60 * minute, 5 if minute < 30 else 20) for minute in range(61)])
    assert axis.length == 3600
    assert axis.labels == ((0.0, "08:00 · 5 %"), (1800.0, "08:30 · 20 %"), (3600.0, "09:00"))


def test_labels_that_have_no_room_are_left_out() -> None:
    axis = axis_of([(BEGAN + minute, weight) for minute, weight in enumerate((1, 2, 5, 10, 20))])
    places = [place for place, _ in axis.labels]
    assert all(after - before >= 0.14 * axis.length for before, after in itertools.pairwise(places))
    many = axis_of([(BEGAN + minute, minute) for minute in range(100)])
    assert len(many.labels) <= 9


def test_a_long_rollout_says_the_day() -> None:
    axis = axis_of([(BEGAN, 5), (BEGAN + 3 * 86400, 5)])
    assert [words for _, words in axis.labels] == ["15 Jan 08:00 · 5 %", "18 Jan 08:00"]


def test_one_moment_is_an_axis_of_some_length() -> None:
    axis = axis_of([(BEGAN, None)])
    assert axis.length == 1
    assert axis.labels == ((0.0, "08:00"),)
