"""What is missing or stands still is said, and is never health."""

import pytest

from tests.unit.rollout.metrics.readings import ERRORS, RESTARTS, Reader, counted, pod

A, B = pod("a", "v2"), pod("b", "v1")


def test_a_pod_may_miss_one_reading_but_not_go_silent() -> None:
    reader = Reader(ERRORS, RESTARTS)
    reader.read(0, {A: counted(0, 0), B: counted(0, 0)})
    assert not reader.read(5, {A: None, B: counted(0, 20)}).blind
    look = reader.read(35, {A: None, B: counted(0, 40)})
    assert look.blind == {
        "errors": "a is silent; for 30 s now, and what it answers since is not known"
    }
    assert not reader.read(40, {A: counted(0, 20), B: counted(0, 60)}).blind


def test_what_has_to_be_set_is_said_at_once() -> None:
    reader = Reader(ERRORS, RESTARTS)
    look = reader.read(0, {A: None, B: None}, {"errors": "set request-metrics-protocol"})
    assert look.blind == {"errors": "set request-metrics-protocol"}


def test_counters_that_stand_still_while_predictors_answer_are_frozen() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 100, witness=100), B: counted(0, 100, witness=100)})
    for time, answered in ((5, 110), (10, 119)):
        look = reader.read(
            time, {A: counted(0, 100, witness=answered), B: counted(0, answered, witness=answered)}
        )
        assert not look.blind
    look = reader.read(15, {A: counted(0, 100, witness=120), B: counted(0, 150, witness=150)})
    assert "counters of canary stand still while its predictors answered 20" in look.blind["errors"]
    look = reader.read(20, {A: counted(1, 121, witness=121), B: counted(0, 160, witness=160)})
    assert not look.blind


def test_requests_by_tag_alone_are_no_standstill() -> None:
    """They move the counter, though none of them is counted for a guardrail."""
    reader = Reader()
    for time in range(0, 100, 5):
        counters = {p: counted(0, 0, witness=9.0 * time) for p in (A, B)}
        moved = {p: type(c)(9.0 * time, c.counts, witness=c.witness) for p, c in counters.items()}
        assert not reader.read(float(time), moved).blind


def test_samples_that_grow_old_are_stale() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 0, sampled=0.0), B: counted(0, 0, sampled=0.0)})
    assert not reader.read(
        60, {A: counted(0, 0, sampled=5.0), B: counted(0, 9, sampled=60.0)}
    ).blind
    look = reader.read(66, {A: counted(0, 0, sampled=5.0), B: counted(0, 9, sampled=60.0)})
    assert look.blind == {"errors": "the newest count of canary is 61 s old"}


@pytest.mark.parametrize("canary", [{}, {A: counted(0, 7)}], ids=["no pod", "an idle pod"])
def test_a_side_that_gets_nothing_of_its_share_is_not_well(canary: dict[object, object]) -> None:
    reader = Reader(weight=20)
    reader.read(0, {**canary, B: counted(0, 0)})  # type: ignore[dict-item]  # as the table has it
    assert not reader.read(5, {**canary, B: counted(0, 119)}).blind  # type: ignore[dict-item]
    look = reader.read(10, {**canary, B: counted(0, 120)})  # type: ignore[dict-item]
    assert "no request of canary (v2, " in look.blind["errors"]
    assert "about 30 were to come" in look.blind["errors"]


def test_a_side_that_falls_silent_in_mid_stage_is_not_well_until_it_speaks() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 0), B: counted(0, 0)})
    assert not reader.read(5, {A: counted(0, 40), B: counted(0, 40)}).blind
    unready = pod("a", "v2", ready=False)
    assert not reader.read(10, {unready: counted(0, 40), B: counted(0, 60)}).blind
    assert reader.read(15, {unready: counted(0, 40), B: counted(0, 75)}).blind
    assert not reader.read(20, {A: counted(0, 41), B: counted(0, 90)}).blind


def test_scaled_to_zero_and_nobody_asks_is_no_news() -> None:
    reader = Reader(ERRORS, RESTARTS)
    for time in range(0, 3600, 60):
        look = reader.read(float(time), {})
        assert not look.blind
        assert not look.canary.counts
