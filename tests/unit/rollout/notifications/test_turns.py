import pytest

from trellis.contracts.rollout_status import HistoryEntry
from trellis.rollout.notifications.turns import TAKEN_OVER_SECONDS, in_turn
from trellis.rollout.plan.decision import Notification

NOW = 1_800_000_000.0


def step(number: int, age: float = 0.0) -> Notification:
    return Notification(number, HistoryEntry(time=NOW - age, what="advanced", weight=number))


@pytest.mark.parametrize(
    ("unsent", "mine", "told"),
    [
        pytest.param([step(1), step(2)], {1, 2}, [1, 2], id="its own at once"),
        pytest.param([step(1), step(2)], set(), [], id="those of another are left to it"),
        pytest.param([step(1), step(2)], {2}, [], id="its own waits for one of another before it"),
        pytest.param([step(1), step(2)], {1}, [1], id="its own before one of another"),
        pytest.param(
            [step(1, TAKEN_OVER_SECONDS), step(2)],
            {2},
            [1, 2],
            id="what nobody told of is taken over",
        ),
        pytest.param(
            [step(1, TAKEN_OVER_SECONDS - 1)], set(), [], id="not before its writer had the time"
        ),
    ],
)
def test_a_step_is_told_of_by_its_writer(
    unsent: list[Notification], mine: set[int], told: list[int]
) -> None:
    assert [one.number for one in in_turn(unsent, mine, NOW)] == told
