"""Events by unit: the first counts, those at risk are the total, outcomes wait for their window."""

import random
from collections import Counter

import pytest

from tests.unit.rollout.events.events import (
    CONVERSIONS,
    ERRORS,
    LABELS,
    MEAN,
    SCORES,
    SLOW,
    Memory,
    met,
    said,
    watch_of,
)
from trellis.contracts.events import Exposure, Outcome
from trellis.rollout.events import blocks, units
from trellis.rollout.events import fold as fold_module
from trellis.rollout.events.blocks import UNITS
from trellis.rollout.events.fold import concerned, fold

STABLE = "leaf-1"


def crowd(time: float, *, fail: range = range(0), units: int = 20) -> list[Exposure]:
    """Even units at the canary, odd ones at stable; each sends two requests."""
    return [
        met(
            n,
            "leaf-2" if n % 2 == 0 else STABLE,
            time + 0.01 * again,
            code=500 if n in fail else 200,
        )
        for n in range(units)
        for again in (0, 1)
    ]


def test_a_unit_counts_once_a_look_and_errs_once_a_rollout() -> None:
    memory = Memory(watch_of())
    memory.fold(*crowd(0, fail=range(3)))
    memory.fold(*crowd(10, fail=range(5)))
    assert memory.closed == [
        {"errors": {"canary": (10, 2), "stable": (10, 1)}},
        {"errors": {"canary": (8, 1), "stable": (9, 1)}},  # 0, 1, 2 are no longer at risk
    ]


def test_a_look_waits_for_enough_units() -> None:
    memory = Memory(watch_of())
    memory.fold(*crowd(0, fail=range(1), units=12))
    assert memory.closed == []
    memory.fold(*crowd(1, fail=range(2), units=12))  # the same units: still too few
    assert memory.closed == []
    memory.fold(*(met(n) for n in range(100, 108)))
    assert memory.closed == [{"errors": {"canary": (14, 1), "stable": (6, 1)}}]


def test_an_event_of_another_era_is_remembered_but_not_counted() -> None:
    memory = Memory(watch_of(canary=0.5, era=1))
    memory.fold(*crowd(0, units=10))
    memory.watch = watch_of(canary=0.2, era=2)
    # A gateway that has not switched yet: its units' arms are those of the shares before.
    memory.fold(*crowd(1, fail=range(2), units=10))
    assert memory.closed == [{"errors": {"canary": (5, 0), "stable": (5, 0)}}]
    assert memory.state.blocks[0].shares == {"canary": 0.5, "stable": 0.5}
    switched = [
        e.model_copy(update={"propensity": 0.2 if e.arm == "leaf-2" else 0.8})
        for e in crowd(2, fail=range(4))
    ]
    memory.fold(*switched)
    assert memory.closed[1] == {"errors": {"canary": (9, 1), "stable": (9, 1)}}


@pytest.mark.parametrize(
    "change",
    [{"asked": True}, {"model": "other"}, {"experiment": "colours"}, {"arm": "leaf-3"}],
    ids=str,
)
def test_what_was_not_assigned_by_this_watch_is_passed_over(change: dict[str, object]) -> None:
    assert not concerned(watch_of(), met(1).model_copy(update=change))
    memory = Memory(watch_of())
    memory.fold(*(met(n, code=500).model_copy(update=change) for n in range(30)))
    assert (memory.closed, memory.units) == ([], {})


def test_units_that_do_not_return_may_be_left_out() -> None:
    once = met(1, sticky=False)
    assert concerned(watch_of(), once)
    assert not concerned(watch_of(returning_only=True), once)


def test_another_arm_in_its_place_is_an_error_of_the_arm_and_a_cached_answer_no_risk() -> None:
    memory = Memory(watch_of())
    memory.fold(
        *(met(n) for n in range(20)),
        met(20, revision=STABLE),  # the canary was down
        met(21, revision="leaf-0"),  # a tag's host that leads elsewhere by now
        met(22, cached=True),
    )
    assert memory.closed == [{"errors": {"canary": (21, 1)}}]


def test_latency_counts_units_over_the_threshold_and_means_their_first_value() -> None:
    memory = Memory(watch_of(SLOW, MEAN))
    memory.fold(*(met(n, seconds=0.5) for n in range(20)))
    memory.fold(*(met(n, time=1.0, seconds=4.0) for n in range(20)))
    # The second time nobody is at risk of being slow first, or has a first value.
    assert memory.counted(SLOW.name) == {"canary": (20, 20)}
    assert memory.counted("meanLatency") == {"canary": (20, 10, 5)}
    assert memory.counted(UNITS) == {"canary": (20,)}


def test_who_does_not_convert_counts_only_after_the_window() -> None:
    memory = Memory(watch_of(CONVERSIONS))
    memory.fold(*(met(n, ("leaf-2", STABLE)[n % 2], time=0.1 * n) for n in range(40)))
    memory.fold(*(said(n, "conversion", value=True) for n in range(0, 10, 2)))
    memory.fold(now=99)
    assert all("conversions" not in tallies for tallies in memory.closed)
    memory.fold(now=200)
    assert memory.counted("conversions") == {"canary": (20, 5), "stable": (20, 0)}
    assert memory.ripening == {}


def test_what_ripens_by_the_hundred_makes_small_looks() -> None:
    memory = Memory(watch_of(CONVERSIONS))
    memory.fold(*(met(n, ("leaf-2", STABLE)[n % 2]) for n in range(200)))
    memory.fold(now=100)
    looks = [tallies["conversions"] for tallies in memory.closed if "conversions" in tallies]
    assert [sum(values[0] for values in look.values()) for look in looks] == [20] * 10


def test_an_outcome_counts_on_its_units_side_within_its_window_alone() -> None:
    memory = Memory(watch_of(CONVERSIONS))
    memory.fold(*(met(n) for n in range(20)))
    memory.fold(
        said(0, "conversion", value=False),
        said(0, "conversion", value=True, time=2),
        said(1, "conversion", value=True, time=100.5),  # too late
        said(2, "conversion", value=True, arm=STABLE),  # its unit was met at the canary
        said(3, "conversion", value=True, time=99),
        said(3, "conversion", value=False, time=99.5),
    )
    memory.fold(now=100)
    assert memory.closed[-1] == {"conversions": {"canary": (20, 2)}}


def test_an_outcome_read_before_its_exposure_counts_the_unit_once() -> None:
    memory = Memory(watch_of(CONVERSIONS, count_units=True))
    memory.fold(*(said(n, "conversion", value=True) for n in range(20)))
    assert memory.closed == []  # a side whose units convert would seem to have more of them
    memory.fold(*(met(n) for n in range(20)))
    memory.fold(now=100)
    assert memory.closed == [
        {UNITS: {"canary": (20,)}},
        {"conversions": {"canary": (20, 20)}},
    ]


def test_labels_are_held_against_what_was_predicted_and_scores_are_summed() -> None:
    memory = Memory(watch_of(LABELS, SCORES))
    memory.fold(*(met(n) for n in range(60)))
    memory.fold(
        *(said(n, "label", "cat", predicted="cat" if n % 4 else "dog") for n in range(40)),
        *(said(n, "label", "cat") for n in range(40, 60)),  # nobody knows what was predicted
        *(said(n, "score", 0.5) for n in range(20)),
        said(0, "score", 9.0, time=2.0),  # a unit's first is the one that counts
    )
    memory.fold(now=100)
    assert memory.counted("wrongLabels") == {"canary": (40, 10)}
    assert memory.counted("scores") == {"canary": (20, 10, 5)}


def test_what_ripens_late_counts_in_the_era_of_its_unit() -> None:
    memory = Memory(watch_of(CONVERSIONS, canary=0.5, era=1))
    memory.fold(*(met(n) for n in range(25)))
    memory.watch = watch_of(CONVERSIONS, canary=0.9, era=2)
    memory.fold(*(met(n, time=50, propensity=0.9) for n in range(25, 50)))
    memory.fold(now=1000)
    eras = [(b.era, b.shares["canary"]) for b in memory.state.blocks if "conversions" in b.tallies]
    assert eras == [(1, 0.5), (2, 0.9)]


def test_without_late_outcomes_only_units_with_events_are_remembered() -> None:
    memory = Memory(watch_of(ERRORS, SLOW))
    memory.fold(*crowd(0, fail=range(3), units=100))
    assert len(memory.units) == memory.state.remembered == 3


def test_too_many_units_are_halved_by_another_hash_than_the_arms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fold_module, "MOST_UNITS", 1000)
    memory = Memory(watch_of(count_units=True))
    spread = random.Random(7)
    everyone = [spread.getrandbits(64) for _ in range(3500)]
    for start in range(0, 3500, 100):  # by the first bit, as a hash assigns halves
        batch = everyone[start : start + 100]
        memory.fold(*(met(n, STABLE if n >> 63 else "leaf-2") for n in batch))
        if memory.state.remembered > 1000:
            memory.units = {
                u: m for u, m in memory.units.items() if units.in_sample(u, memory.state.sample)
            }
            memory.state.remembered = len(memory.units)
    assert memory.state.sample == 2
    assert 750 < len(memory.units) < 1000
    sides = Counter(unit.side for unit in memory.units.values())
    assert abs(sides["canary"] - sides["stable"]) < 150


def test_blocks_that_nobody_reads_become_fewer_and_lose_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "MOST_BLOCKS", 5)
    memory = Memory(watch_of())
    for number in range(30):
        memory.fold(*(met(1000 * number + n, code=500 if n < 4 else 200) for n in range(20)))
    assert len(memory.state.blocks) == 5
    sums = [tallies["errors"]["canary"] for tallies in memory.closed]
    assert tuple(map(sum, zip(*sums, strict=True))) == (600, 120)
    numbers = [block.seq for block in memory.state.blocks]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("eras", [1, 3])
def test_what_a_reader_has_counted_is_never_part_of_another_block(
    monkeypatch: pytest.MonkeyPatch, eras: int
) -> None:
    monkeypatch.setattr(blocks, "MOST_BLOCKS", 5)
    memory = Memory(watch_of())
    reached, units = 0, 0.0

    def read() -> None:
        nonlocal reached, units
        for block in memory.state.told:
            if block.seq > reached:
                reached = block.seq
                units += block.tallies["errors"]["canary"][0]

    for number in range(30):
        memory.watch = watch_of(era=1 + number * eras // 30)
        memory.fold(*(met(1000 * number + n) for n in range(20)))
        read()  # and is killed before it lets go of them, but for every seventh time
        if number % 7 == 6:
            memory.state.blocks = [b for b in memory.state.blocks if b.seq > reached]
    while memory.state.blocks:
        read()
        memory.state.blocks = [b for b in memory.state.blocks if b.seq > reached]
    assert units == 600


def test_of_few_units_a_look_closes_by_exposures_and_time_whatever_came_of_them() -> None:
    for fail in (range(0), range(12)):
        memory = Memory(watch_of())
        memory.fold(*crowd(0, fail=fail, units=12))  # 24 exposures, but no time has passed
        memory.fold(*crowd(9.5, fail=fail, units=12))
        assert memory.closed == []
        memory.fold(met(0, time=10))
        assert [block.era for block in memory.state.blocks] == [1]
        errors = len(fail) / 2
        assert memory.counted("errors") == {"canary": (6, errors), "stable": (6, errors)}


def test_of_few_exposures_a_look_waits_however_long() -> None:
    memory = Memory(watch_of())
    for hour in range(20):
        memory.fold(met(hour % 3, time=3600.0 * hour, code=500))
        assert memory.closed == []
    memory.fold(met(0, time=3600.0 * 20))
    assert memory.closed == [{"errors": {"canary": (3, 3)}}]


def test_numbers_go_on_where_everything_was_forgotten() -> None:
    before, after = Memory(watch_of()), Memory(watch_of())
    for second in range(30):
        before.fold(*(met(100 * second + n, time=1000.0 + second) for n in range(20)))
    after.fold(*(met(n, time=1031.0) for n in range(20)))
    assert after.state.blocks[0].seq > before.state.blocks[-1].seq


def test_a_fold_changes_nothing_that_it_was_given() -> None:
    memory = Memory(watch_of(ERRORS, CONVERSIONS))
    memory.fold(*crowd(0, fail=range(3), units=30))
    state, known = memory.state.to_json(), {n: u.to_json() for n, u in memory.units.items()}
    events: list[Exposure | Outcome] = [
        *crowd(5, fail=range(30), units=30),
        said(4, "conversion", value=True),
    ]
    one = fold(memory.watch, memory.state, memory.units, events)
    assert (memory.state.to_json(), {n: u.to_json() for n, u in memory.units.items()}) == (
        state,
        known,
    )
    again = fold(memory.watch, memory.state, memory.units, events)
    assert again.state.to_json() == one.state.to_json()


def passed_on(number: int, served: str, time: float = 0.0) -> Exposure:
    """A request of one and the same user, which something behind the service's own host gave on."""
    own = {"request_id": f"a:{number}", "revision": served, "propensity": 1.0}
    return met(7, "leaf-predictor", time, **own)


def converted(number: int, served: str, exposed_at: float = 0.0) -> Outcome:
    own = {"request_id": f"a:{number}", "revision": served, "exposed_at": exposed_at}
    return said(7, "conversion", True, "leaf-predictor", exposed_at + 1, **own)


def test_where_each_request_is_split_it_is_a_unit_of_the_revision_that_served_it() -> None:
    memory = Memory(watch_of(CONVERSIONS, split="request"))
    served = ["leaf-2" if n % 2 else "leaf-1" for n in range(40)]
    memory.fold(*(passed_on(n, by) for n, by in enumerate(served)))
    memory.fold(*(converted(n, by) for n, by in enumerate(served) if n % 4 == 1))
    memory.fold(now=100.0)
    assert memory.counted("conversions") == {"stable": (20, 0), "canary": (20, 10)}


def test_where_each_request_is_split_an_era_begins_when_requests_follow() -> None:
    memory = Memory(watch_of(CONVERSIONS, split="request", since=10.0))
    for time in (9.0, 10.0):
        # An outcome that is read before its exposure tells when that was, too.
        memory.fold(converted(0, "leaf-2", exposed_at=time))
        memory.fold(*(passed_on(n, "leaf-2", time) for n in range(20)))
        memory.fold(now=200.0)
        counted = {"canary": (20, 1)} if time == 10 else {}
        assert memory.counted("conversions") == counted
    assert memory.state.exposures == {"canary": 20}


def test_where_each_request_is_split_it_is_forgotten_and_counts_once_however_late() -> None:
    memory = Memory(watch_of(CONVERSIONS, split="request"))
    ends = 100.0 + units.OVER_SECONDS
    for time in range(0, 3000, 100):
        memory.fold(*(passed_on(time + n, "leaf-2", time) for n in range(40)), now=time)
        assert memory.state.remembered == len(memory.units) <= 40 * (ends // 100 + 1)
    memory.fold(now=3000 + ends)
    assert memory.counted("conversions") == {"canary": (1200, 0)}
    assert (memory.units, memory.ripening, memory.state.remembered) == ({}, {}, 0)
    memory.fold(converted(2901, "leaf-2", 2900.0), passed_on(2901, "leaf-2", 2900.0))
    assert memory.units == {}
    memory.fold(passed_on(5000, "leaf-2", 3001.0))
    assert len(memory.units) == 1


def test_a_request_is_remembered_for_what_another_reader_may_hold() -> None:
    memory = Memory(watch_of(CONVERSIONS, split="request"))
    memory.fold(passed_on(1, "leaf-2"))
    memory.fold(now=100.0)
    memory.fold(converted(1, "leaf-2"), passed_on(1, "leaf-2"), now=99 + units.OVER_SECONDS)
    memory.fold(now=1000.0)
    assert memory.state.open[1]["conversions"] == {"canary": (1, 0)}


def test_another_revision_of_the_same_side_is_no_failure() -> None:
    """A label makes one in the middle of a step, and the tag's host leads to it before the table knows."""
    sides = {"leaf-1": "stable", "leaf-2": "canary", "leaf-3": "canary"}
    memory = Memory(watch_of(sides=sides, shares={"leaf-1": 0.5, "leaf-2": 0.5, "leaf-3": 0.0}))
    memory.fold(
        *(met(n, revision="leaf-3") for n in range(10)),
        *(met(n, STABLE) for n in range(10, 20)),
    )
    assert memory.closed == [{"errors": {"canary": (10, 0), "stable": (10, 0)}}]


def test_what_a_gateway_split_by_its_unit_is_no_request_of_its_own() -> None:
    watch = watch_of(CONVERSIONS, split="request")
    assert not concerned(watch, met(1, "leaf-2", revision="leaf-2"))
    assert concerned(watch, met(1, "leaf-predictor", revision="leaf-2"))
