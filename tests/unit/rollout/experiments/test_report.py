"""A status after a pass: its words, its conditions, and what is said of it once."""

from dataclasses import replace

from tests.unit.rollout.experiments.test_course import facts, seen
from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.rollout.events.store import News
from trellis.rollout.experiments.course import course
from trellis.rollout.experiments.memory import Memory, recall
from trellis.rollout.experiments.report import NOTHING_NEW, last_news, refused, report

EMPTY = ExperimentResourceStatus()


def test_the_first_one_presses_and_the_same_again_does_not() -> None:
    wanted = course(facts(), Memory(), None)
    first = report(facts(), wanted, NOTHING_NEW, EMPTY, None, 1)
    assert (first.pressing, first.status.phase, first.status.observed_generation) == (
        True,
        "Running",
        1,
    )
    assert [said.reason for said in first.announcements] == ["Began"]
    assert [notice.what for notice in first.memory.notices] == ["began"]
    again = course(facts(), first.memory, wanted.evidence)
    met = News((), {"v1": 3, "v2": 4}, 0, 0)
    second = report(facts(), again, met, first.status, wanted.evidence, 1)
    assert (second.pressing, second.announcements) == (False, ())
    assert second.status.exposures == 7
    states = {one.type: (one.status, one.reason) for one in second.status.conditions}
    assert states == {
        "Ready": ("True", "UnitsAssigned"),
        "Decided": ("False", "NoWinnerYet"),
        "Halted": ("False", "NoHarm"),
        "EvidenceIncomplete": ("False", "AllEvents"),
    }


def test_lost_events_are_a_condition() -> None:
    wanted = course(facts(), Memory(), None)
    status = report(facts(), wanted, News((), {}, 2, 0), EMPTY, None, 1).status
    states = {one.type: (one.status, one.reason) for one in status.conditions}
    assert states["EvidenceIncomplete"] == ("True", "EventsLost")


def test_a_winner_and_a_halt_are_said_once() -> None:
    wanted = course(facts(), Memory(), None)
    first = report(facts(), wanted, NOTHING_NEW, EMPTY, None, 1)
    before = wanted.evidence
    found = replace(before, winner="v2", halted="SampleRatioMismatch: too few of v2")
    ended = course(facts(), first.memory, found)
    said = report(facts(), ended, NOTHING_NEW, first.status, before, 1)
    assert [one.reason for one in said.announcements] == ["Decided", "Halted"]
    assert [notice.number for notice in said.memory.notices] == [1, 2, 3]
    states = {one.type: one for one in said.status.conditions}
    assert (states["Halted"].reason, states["Halted"].message) == (
        "SampleRatioMismatch",
        "too few of v2",
    )
    again = course(facts(), said.memory, found)
    assert report(facts(), again, NOTHING_NEW, said.status, found, 1).announcements == ()


def test_a_word_that_changes_while_it_waits_is_written_at_once() -> None:
    waits = seen(facts(), "v2", ready=False, why="it starts")
    first = report(waits, course(waits, Memory(), None), NOTHING_NEW, EMPTY, None, 1)
    dies = seen(facts(), "v2", ready=False, why="its process died")
    second = report(dies, course(dies, first.memory, None), NOTHING_NEW, first.status, None, 1)
    assert (second.pressing, second.status.message) == (True, "Waits for v2: its process died.")


def test_a_spec_that_cannot_be_read_keeps_what_is_known() -> None:
    wanted = course(facts(), Memory(), None)
    running = report(facts(), wanted, News((), {"v1": 3}, 0, 0), EMPTY, None, 1)
    said = refused(running.status, running.memory, "spec.arms: each once", 5.0, 2)
    assert (said.status.phase, said.status.message) == ("Refused", "spec.arms: each once")
    assert said.status.exposures == 3
    memory = recall(said.status)
    assert (memory.assigned, memory.idle_since, memory.identity) == (
        None,
        5.0,
        running.memory.identity,
    )
    assert refused(said.status, memory, "spec.arms: each once", 6.0, 2).status == said.status


def test_numbers_that_cannot_be_read_are_the_last_ones() -> None:
    wanted = course(facts(), Memory(), None)
    status = report(facts(), wanted, News((), {"v1": 3}, 0, 0, True), EMPTY, None, 1).status
    news = last_news(status)
    assert (news.exposures["v1"], news.passed_over) == (3, True)
