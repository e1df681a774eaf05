from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.contracts.routing_table import Arm
from trellis.gateway.ejection import (
    MOST_SECONDS,
    TRIAL_SECONDS,
    UNREADY_SECONDS,
    ArmHealth,
    Rules,
    State,
)

ARM = Arm(url="http://a:1", model="m", version="v1", revision="r1")


RULES = Rules(after=3, seconds=5.0)


@dataclass
class Watched:
    """A health, a clock, and the states it went through."""

    rules: Rules = RULES
    now: float = 1000.0
    told: list[State] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = ArmHealth("m", ARM, self.rules, lambda health: self.told.append(health.state))

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.health.failed(self.health.era, self.now)

    def probe(self, *, ready: bool) -> None:
        self.now = max(self.now, self.health.due)
        self.health.probed(self.health.era, self.now, ready=ready)

    def serve(self) -> None:
        self.health.served(self.health.era, self.now)

    @property
    def away(self) -> float:
        return self.health.due - self.now


def test_failures_in_a_row_send_it_out() -> None:
    watched = Watched()
    watched.fail(2)
    assert watched.health.takes(watched.now)
    watched.fail()
    assert watched.told == ["out"]
    assert not watched.health.takes(watched.now)
    assert watched.away == 5.0


def test_an_answer_in_between_breaks_the_row() -> None:
    watched = Watched()
    for _ in range(10):
        watched.fail(2)
        watched.serve()
    assert watched.told == []


def test_0_is_never() -> None:
    watched = Watched(Rules(after=0, seconds=5.0))
    watched.fail(100)
    assert watched.told == []


def test_a_trial_lets_one_request_in_at_a_time() -> None:
    watched = Watched()
    watched.fail(3)
    watched.probe(ready=True)
    assert watched.health.state == "trial"
    assert [watched.health.takes(watched.now) for _ in range(3)] == [True, False, False]
    watched.health.left(watched.health.era)
    assert [watched.health.takes(watched.now) for _ in range(2)] == [True, False]
    watched.serve()
    assert watched.told == ["out", "trial", "in"]
    assert [watched.health.takes(watched.now) for _ in range(3)] == [True] * 3


def test_a_trials_request_that_is_never_heard_of_holds_up_no_more_than_its_time() -> None:
    watched = Watched()
    watched.fail(3)
    watched.probe(ready=True)
    assert watched.health.takes(watched.now)
    assert not watched.health.takes(watched.now + TRIAL_SECONDS - 1)
    assert watched.health.takes(watched.now + TRIAL_SECONDS)


def test_each_time_again_is_twice_as_long_up_to_a_most() -> None:
    watched = Watched()
    watched.fail(3)
    times = []
    for _ in range(8):
        times.append(watched.away)
        watched.probe(ready=True)
        assert watched.health.takes(watched.now)
        watched.fail()
    assert times == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, MOST_SECONDS, MOST_SECONDS]


def test_one_that_is_not_ready_is_asked_again_and_again_and_was_ejected_once() -> None:
    watched = Watched()
    watched.fail(3)
    pauses = []
    for _ in range(5):
        watched.probe(ready=False)
        pauses.append(watched.away)
    assert pauses == [10.0, 20.0, UNREADY_SECONDS, UNREADY_SECONDS, UNREADY_SECONDS]
    watched.probe(ready=True)
    assert watched.told == ["out", "trial"]


def test_one_that_was_well_for_long_enough_begins_anew() -> None:
    watched = Watched()
    watched.fail(3)
    for pause, expected in ((4.0, 10.0), (9.0, 20.0), (21.0, 5.0)):
        watched.probe(ready=True)
        watched.serve()
        watched.now += pause
        watched.fail(3)
        assert watched.away == expected


def test_what_was_sent_before_a_change_says_nothing_after_it() -> None:
    watched = Watched()
    before = watched.health.era
    watched.fail(3)
    watched.health.served(before, watched.now)
    assert watched.told == ["out"]
    watched.probe(ready=True)
    watched.health.failed(before, watched.now)
    watched.health.served(before, watched.now)
    watched.health.probed(before, watched.now, ready=False)
    assert watched.told == ["out", "trial"]


def test_an_arm_that_nobody_replaces_is_back_with_its_first_answer() -> None:
    watched = Watched()
    watched.fail(3)
    due = watched.health.due
    watched.fail(3)
    assert watched.health.due == due, "failures of one that is out change nothing"
    watched.serve()
    assert watched.told == ["out", "in"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["failed", "served", "left", "ready", "not ready", "late"]),
        st.floats(0, 400),
    ),
    max_size=60,
)


@given(after=st.integers(1, 5), steps=STEPS)
def test_whatever_happens_it_is_out_only_after_failures_and_for_a_bounded_time(
    after: int, steps: list[tuple[str, float]]
) -> None:
    watched = Watched(Rules(after, 5.0))
    health = watched.health
    in_a_row = 0
    first = health.era
    for step, seconds in steps:
        watched.now += seconds
        state = health.state
        match step:
            case "failed":
                watched.fail()
                in_a_row += 1
            case "served":
                watched.serve()
                in_a_row = 0
            case "left":
                health.left(health.era)
            case "late":
                if health.era != first:
                    health.failed(first, watched.now)
                    assert health.state == state
            case _:
                health.probed(health.era, watched.now, ready=step == "ready")
        if state == "in" and health.state == "out":
            assert in_a_row >= after
        if health.state == "out":
            assert health.due <= watched.now + MOST_SECONDS
        else:
            assert health.takes(watched.now) or health.state == "trial"
        if health.state != state:
            in_a_row = 0


@pytest.mark.parametrize("state", ["in", "out", "trial"])
def test_an_answer_brings_it_in_from_every_state(state: State) -> None:
    watched = Watched()
    if state != "in":
        watched.fail(3)
    if state == "trial":
        watched.probe(ready=True)
    watched.serve()
    assert watched.health.state == "in"
