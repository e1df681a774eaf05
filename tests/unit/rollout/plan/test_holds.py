import pytest

from tests.unit.rollout.plan.conductor import deployed, trying
from tests.unit.rollout.plan.kserve_model import Template


def test_a_deadline_holds_and_says_why() -> None:
    conductor = trying(deadline="2m")
    conductor.until_weight(5)
    conductor.run(130)
    assert (conductor.phase, conductor.service.weight) == ("Paused", 5)
    assert "deadline of 2m" in conductor.status.message
    assert conductor.story[-1] == "paused"
    condition = {one.type: one for one in conductor.status.conditions}["Paused"]
    assert condition.reason == "Deadline"


def test_resume_after_a_deadline_gives_it_again() -> None:
    conductor = trying(deadline="2m")
    conductor.until_weight(5)
    conductor.run(130)
    conductor.ask("resume")
    conductor.run(60)
    assert conductor.phase == "Progressing"
    conductor.run(70)
    assert conductor.phase == "Paused"


def test_a_deadline_rolls_back_where_so_set() -> None:
    conductor = trying(deadline="2m", onDeadline="rollback")
    conductor.says["v2/a"] = "blind"
    conductor.until_weight(5)
    conductor.until("RolledBack")
    assert conductor.service.answers() == {"v1": 100}
    assert "nothing is known of errors: blind" in conductor.status.message


@pytest.mark.parametrize(("on_deadline", "phase"), [("hold", "Paused"), ("rollback", "RolledBack")])
def test_a_version_that_cannot_start_says_so_at_once_and_ends_at_the_deadline(
    on_deadline: str, phase: str
) -> None:
    conductor = deployed(deadline="2m", onDeadline=on_deadline)
    conductor.service.apply(Template("v2"))
    conductor.service.settle()
    conductor.service.fail("r-00002", "ImagePullBackOff: no such image")
    decision = conductor.once()
    assert "v2 cannot start: ImagePullBackOff" in decision.status.message
    assert "all traffic stays on v1" in decision.status.message
    assert ("Warning", "CannotStart") in [(one.type, one.reason) for one in decision.announcements]
    conductor.run(60)
    assert conductor.phase == "Waiting"
    conductor.run(70)
    assert conductor.phase == phase
    assert "ImagePullBackOff" in conductor.status.history[-1].message
    assert conductor.service.answers() == {"v1": 100}


def test_a_version_that_starts_after_all_goes_on() -> None:
    conductor = deployed()
    conductor.service.apply(Template("v2"))
    conductor.service.settle()
    conductor.service.fail("r-00002", "ImagePullBackOff")
    conductor.run(5)
    conductor.service.start("r-00002")
    conductor.service.settle()
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")


def test_the_deadline_stands_still_while_a_person_pauses() -> None:
    conductor = trying(deadline="2m")
    conductor.until_weight(5)
    conductor.ask("pause")
    conductor.run(500)
    conductor.ask("resume")
    conductor.run(60)
    assert conductor.phase == "Progressing"
    conductor.run(70)
    assert conductor.phase == "Paused"


def test_a_clock_that_steps_back_neither_moves_nor_stops_anything() -> None:
    conductor = trying(deadline="10m")
    conductor.says["v2/a"] = "within"
    conductor.until_weight(5)
    conductor.now -= 86400
    conductor.run()
    assert conductor.status.weight == 5
    began = conductor.now
    conductor.until("Promoted")
    assert conductor.now - began < 120


def test_blindness_holds_and_is_said() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(5)
    conductor.says["v2/a"] = "blind"
    decision = conductor.once()
    assert ("Warning", "MetricsMissing") in [
        (one.type, one.reason) for one in decision.announcements
    ]
    conductor.run(100)
    assert conductor.status.weight == 5
    assert conductor.status.verdict is not None
    assert conductor.status.verdict.kind == "hold"
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")
