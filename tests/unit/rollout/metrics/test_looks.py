"""Readings to looks: what is counted once, what waits, what is left out, over any pods' fate."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.rollout.metrics.readings import (
    ERRORS,
    LATENCY,
    MEAN,
    RESTARTS,
    Reader,
    counted,
    errors_of,
    pod,
)
from trellis.contracts.rollout import Guardrail
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Count, Moments
from trellis.rollout.metrics.port import MOST_PODS, Counters, Pod, read_at_once
from trellis.rollout.metrics.snapshot import Snapshot

A, B = pod("a", "v2"), pod("b", "v1")


def test_the_first_reading_is_where_a_stage_counts_from() -> None:
    reader = Reader()
    assert errors_of(reader.read(0, {A: counted(7, 70), B: counted(9, 90)})) == (None, None)
    look = reader.read(5, {A: counted(10, 90), B: counted(10, 130)})
    assert errors_of(look) == (Count(3, 20), Count(1, 40))


def test_a_look_waits_until_both_sides_together_have_enough() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 0), B: counted(0, 0)})
    assert errors_of(reader.read(5, {A: counted(1, 1), B: counted(0, 18)})) == (None, None)
    assert errors_of(reader.read(10, {A: counted(2, 3), B: counted(0, 18)})) == (
        Count(2, 3),
        Count(0, 18),
    )
    assert errors_of(reader.read(15, {A: counted(2, 3), B: counted(0, 18)})) == (None, None)


def test_a_look_of_one_side_alone_stays_open() -> None:
    reader = Reader(weight=95)
    reader.read(0, {A: counted(0, 0), B: counted(0, 0)})
    assert errors_of(reader.read(5, {A: counted(4, 40), B: counted(0, 0)})) == (None, None)
    look = reader.read(10, {A: counted(5, 50), B: counted(1, 2)})
    assert errors_of(look) == (Count(5, 50), Count(1, 2))


def test_a_limit_compares_nothing_and_waits_for_no_other_side() -> None:
    limited = Guardrail(metric="latency", over="250ms", limit="1%")
    reader = Reader(limited)

    def slow(events: float, total: float) -> Counters:
        return Counters(total, {limited.name: Count(events, total)})

    for time in (-40, 0):
        reader.read(time, {A: slow(0, 0), B: slow(0, 0)})
    look = reader.read(5, {A: slow(4, 40), B: slow(0, 0)})
    assert look.canary.counts[limited.name] == Count(4, 40)


def test_both_sides_err_alike_at_a_high_weight_and_no_harm_is_called() -> None:
    """Looks with nothing of stable's were held against 5 %, at errors of 10 % on both sides."""
    harmed = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        reader, evidence = Reader(weight=95), RolloutEvidence.start((ERRORS,), 0.05)
        totals, events = np.zeros(2), np.zeros(2)
        for time in range(301):
            look = reader.read(
                time, {A: counted(events[0], totals[0]), B: counted(events[1], totals[1])}
            )
            evidence = evidence.look(look)
            of_canary = random.binomial(10, 0.95)
            more = np.array([of_canary, 10 - of_canary])
            totals, events = totals + more, events + random.binomial(more, 0.1)
        (verdict,) = evidence.judge()
        assert verdict.canary.total + verdict.stable.total >= 2900
        harmed += verdict.state == "harm"
    assert harmed <= 2


@pytest.mark.parametrize("at", ["counts", "moments"])
def test_a_snapshot_with_nulls_is_none(at: str) -> None:
    reader = Reader(ERRORS, MEAN)
    both = Counters(3, {"errors": Count(1, 3)}, {MEAN.name: Moments(3, 1, 1)})
    reader.read(0, {A: both, B: both})
    assert reader.snapshot is not None
    state = json.loads(json.dumps(reader.snapshot.to_state()))
    for values in state["pods"]["a"][at].values():
        values[-1] = None
    with pytest.raises(TypeError):
        Snapshot.from_state(state)


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    reader = Reader()
    reader.read(0, {A: counted(50, 500), B: counted(0, 0)})
    look = reader.read(5, {A: counted(4, 30), B: counted(1, 10)})
    assert errors_of(look) == (Count(4, 30), Count(1, 10))


def test_pods_come_and_go_and_nothing_is_counted_twice_or_lost() -> None:
    reader = Reader()
    late = pod("late", "v2")
    reader.read(0, {A: counted(0, 100), B: counted(0, 0)})
    look = reader.read(5, {A: counted(1, 120), B: counted(0, 20), late: counted(9, 900)})
    assert errors_of(look) == (Count(1, 20), Count(0, 20))  # what it had before is not known
    look = reader.read(10, {B: counted(0, 40), late: counted(10, 920)})
    assert errors_of(look) == (Count(1, 20), Count(0, 20))
    look = reader.read(15, {A: counted(3, 150), B: counted(0, 60), late: counted(10, 920)})
    assert errors_of(look) == (Count(2, 30), Count(0, 20))  # left out once, not gone


def test_another_stage_begins_anew_and_what_waited_is_its_last_look() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 0), B: counted(0, 0)})
    reader.read(5, {A: counted(1, 2), B: counted(0, 3)})
    reader.stage = "2"
    look = reader.read(10, {A: counted(90, 100), B: counted(80, 100)})
    assert errors_of(look) == (Count(1, 2), Count(0, 3))
    look = reader.read(15, {A: counted(91, 110), B: counted(81, 130)})
    assert errors_of(look) == (Count(1, 10), Count(1, 30))


def test_a_pod_silent_when_the_stage_began_is_counted_from_when_it_speaks() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 0), B: counted(0, 0)})
    reader.stage = "2"
    reader.read(5, {A: None, B: counted(0, 50)})
    look = reader.read(10, {A: counted(40, 100), B: counted(0, 80)})
    assert errors_of(look) == (None, None)
    look = reader.read(15, {A: counted(41, 120), B: counted(0, 80)})
    assert errors_of(look) == (Count(1, 20), Count(0, 30))


@pytest.mark.parametrize("restarted", [False, True], ids=["new pod", "restarted pod"])
def test_first_seconds_are_left_out_of_latency_but_not_of_errors(restarted: bool) -> None:
    def both(events: float, total: float) -> Counters:
        count = Count(events, total)
        return Counters(
            total, {"errors": count, LATENCY.name: count}, {MEAN.name: Moments(total, 1, 1)}
        )

    reader = Reader(ERRORS, LATENCY, MEAN)
    if restarted:  # warm long ago, and then cold again
        for time in (-100, -50, -1):
            reader.read(time, {A: both(0, 0), B: both(0, 0)})
    cold = pod("a", "v2", restarts=int(restarted))
    reader.read(0, {cold: both(0, 0), B: both(0, 0)})
    for time in (10, 20, 30):
        look = reader.read(time, {cold: both(time, 4 * time), B: both(0, 4 * time)})
        assert errors_of(look)[0] == Count(10, 40)
        assert look.canary.counts.get(LATENCY.name, Count(0, 0)).total == 0
        assert look.canary.moments.get(MEAN.name, Moments(0, 0, 0)).number == 0
    look = reader.read(40, {cold: both(31, 160), B: both(0, 160)})
    assert look.canary.counts[LATENCY.name] == Count(1, 40)
    assert look.canary.moments[MEAN.name].number == 40


def test_falls_are_counted_by_seconds_of_ready_pods() -> None:
    reader = Reader(RESTARTS)
    other = pod("c", "v1")
    reader.read(0, {A: None, B: None, other: None})
    unready = pod("a", "v2", restarts=2, ready=False)
    ending = pod("c", "v1", ready=False, terminating=True)
    look = reader.read(5, {unready: None, B: None, ending: None})
    assert look.canary.counts["restarts"] == Count(2, 5)
    assert look.stable.counts["restarts"] == Count(0, 10)
    look = reader.read(10, {unready: None, B: None})
    assert look.canary.counts["restarts"] == Count(0, 0)  # not ready, so not at risk
    reader.read(15, {pod("a", "v2", restarts=2): None, B: None})
    look = reader.read(20, {unready: None, B: None})
    assert look.canary.counts["restarts"] == Count(1, 5)  # unready without a restart


def test_a_clock_that_goes_back_counts_no_time_twice() -> None:
    reader = Reader(RESTARTS)
    reader.read(100, {A: None, B: None})
    assert reader.read(60, {A: None, B: None}).canary.counts.get("restarts", Count(0, 0)).total == 0


def test_a_guardrail_that_is_gone_is_not_looked_at() -> None:
    reader = Reader(ERRORS, RESTARTS)
    reader.read(0, {A: counted(0, 0), B: counted(0, 0)})
    reader.read(5, {A: counted(1, 5), B: counted(0, 5)})
    reader.guardrails = (RESTARTS,)
    look = reader.read(10, {A: counted(1, 50), B: counted(0, 50)})
    assert set(look.canary.counts) == {"restarts"}


def test_a_full_snapshot_stays_small() -> None:
    reader = Reader(ERRORS, LATENCY, MEAN, RESTARTS)
    crowd = [pod(f"tomato-predictor-00001-deployment-{n:010x}-abcde", "v1") for n in range(500)]
    kept = read_at_once(crowd)
    assert len(kept) == MOST_PODS
    assert read_at_once(crowd[::-1]) == kept
    counters = Counters(
        1234567,
        {"errors": Count(123456, 1234567), LATENCY.name: Count(123456, 1234567)},
        {MEAN.name: Moments(1234567, 123456.123456, 12345.123456)},
        witness=1234567,
    )
    reader.read(1_790_000_000.123456, dict.fromkeys(kept, counters))
    assert reader.snapshot is not None
    state = json.dumps(reader.snapshot.to_state())
    assert len(state) < 24 * 1024
    assert Snapshot.from_state(json.loads(state)) == reader.snapshot


class Fleet:
    """Pods as they are: what each counted, and what came to it since it was read last."""

    SIDES: ClassVar = {"a": "v2", "b": "v1", "c": "v2", "d": "v1"}

    def __init__(self) -> None:
        self.now = {name: Counter[str]() for name in self.SIDES}
        self.new = {name: Counter[str]() for name in self.SIDES}
        self.hidden: set[str] = set()
        self.known: set[str] = set()
        self.counted = Counter[tuple[str, str]]()

    def do(self, what: str, name: str, size: int) -> None:
        match what:
            case "answers" | "errs":
                more = Counter(total=size, events=size if what == "errs" else 0)
                self.now[name] += more
                self.new[name] += more
            case "resets" if name not in self.hidden:
                self.now[name] = Counter()
            case "hides":
                self.hidden.add(name)
            case "comes":
                self.hidden.discard(name)

    def read(self) -> dict[Pod, Counters | None]:
        shown = sorted(self.SIDES.keys() - self.hidden)
        for name in shown:
            if name in self.known:
                for field, value in self.new[name].items():
                    self.counted[self.SIDES[name], field] += value
            self.known.add(name)
            self.new[name].clear()
        return {
            pod(name, self.SIDES[name]): counted(self.now[name]["events"], self.now[name]["total"])
            for name in shown
        }


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["answers", "errs", "resets", "hides", "comes"]),
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(1, 30),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_pods_do_each_request_seen_is_counted_once(
    steps: list[tuple[str, str, int]],
) -> None:
    fleet, reader = Fleet(), Reader()
    got = Counter[tuple[str, str]]()
    for number, step in enumerate(steps):
        fleet.do(*step)
        look = reader.read(float(number), fleet.read())
        got += tallied(look.canary.counts, look.stable.counts)
    if reader.snapshot is not None:
        sides = reader.snapshot.sides
        got += tallied(sides["canary"].counts, sides["stable"].counts)
    assert got == +fleet.counted


def tallied(canary: Mapping[str, Count], stable: Mapping[str, Count]) -> Counter[tuple[str, str]]:
    sums = Counter[tuple[str, str]]()
    for revision, counts in (("v2", canary), ("v1", stable)):
        count = counts.get("errors", Count(0, 0))
        sums[revision, "events"] += int(count.events)
        sums[revision, "total"] += int(count.total)
    return sums
