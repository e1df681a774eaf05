"""The status as a person reads it."""

from tests.unit.rollout.experiments.people import People, converting, spec_of
from trellis.rollout.events.store import News
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.verdict import judge

REVISIONS = {"v1": "tomato-v1", "v2": "tomato-v2"}
HALVES = {"v1": 0.5, "v2": 0.5}


def test_before_any_window_is_over_it_says_so() -> None:
    people = People(spec_of(), converting(v1=0.1, v2=0.3))
    status = judge(people.come(500), people.news, REVISIONS, HALVES)
    assert (status.phase, status.winner, status.exposures) == ("Running", None, 500)
    assert status.message.endswith("none whose window of 100s is over.")
    assert [arm.interval for arm in status.arms] == [None, None]


def test_a_winner_is_said_with_its_numbers() -> None:
    people = People(spec_of(guardrails=[{"metric": "errors"}]), converting(v1=0.1, v2=0.3))
    people.come(3000)
    status = judge(people.wait(100), people.news, REVISIONS, HALVES)
    assert (status.phase, status.winner) == ("Decided", "v2")
    assert status.message.startswith("v2 is best: conversions: v1 ")
    assert "points against v1)" in status.message
    first, second = status.arms
    assert (first.revision, first.weight, first.difference) == ("tomato-v1", 0.5, None)
    assert second.estimate is not None
    assert second.interval is not None
    assert second.interval[0] < second.estimate < second.interval[1]
    assert [verdict.name for verdict in second.guardrails] == ["errors"]
    assert first.guardrails == ()
    assert first.exposures + second.exposures == 3000


def test_a_halt_says_where_units_go_and_losses_are_told() -> None:
    people = People(spec_of(), converting(v1=0.1, v2=0.1))
    people.unseen = {"v2": 0.5}
    evidence = people.come(2000)
    status = judge(evidence, News((), {}, dropped=7, unjoined=0), REVISIONS, HALVES)
    assert status.phase == "Halted"
    assert "All units go to v1. EvidenceIncomplete: 7 exposures were not stored" in status.message
    assert (status.incomplete, status.dropped) == (True, 7)
    assert status.log_e_sample_ratio > 4


def test_scores_are_told_as_they_are() -> None:
    people = People(spec_of(goal={"kind": "score"}), lambda v, c: c.gauss(2 if v == "v2" else 1, 1))
    people.come(3000)
    status = judge(people.wait(100), people.news, REVISIONS, HALVES)
    assert "mean score: v1 " in status.message
    assert "points" not in status.message
    assert status.arms[1].interval is None
    assert status.arms[1].difference is not None
    empty = judge(ExperimentEvidence.start(people.spec), News((), {}, 0, 0), {}, {})
    assert empty.message.startswith("0 units so far")
