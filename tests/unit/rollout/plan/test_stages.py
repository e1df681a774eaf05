import pytest

from tests.unit.rollout.plan.conductor import STEPS, bring, deployed, trying
from tests.unit.rollout.plan.kserve_model import Template


def test_a_good_version_goes_through_all_steps_to_all_traffic() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")
    assert conductor.service.answers() == {"v2": 100}
    assert conductor.story == ["began", "weight", "advanced", "advanced", "advanced", "promoted"]
    weights = [entry.weight for entry in conductor.status.history if entry.what != "began"]
    assert weights == [*STEPS, STEPS[-1], 100]
    assert conductor.service.weight is None


def test_a_first_deploy_is_no_rollout() -> None:
    conductor = deployed()
    assert conductor.phase == "Idle"
    assert conductor.story == []
    assert conductor.status.stable is not None
    assert conductor.status.stable.version == "v1"


def test_a_new_version_has_no_traffic_until_it_is_ready() -> None:
    conductor = deployed()
    conductor.service.apply(Template("v2"))
    conductor.service.settle()
    conductor.run(5)
    assert conductor.phase == "Waiting"
    assert conductor.service.answers() == {"v1": 100}
    assert "not ready" in conductor.status.message
    conductor.service.start("r-00002")
    conductor.service.settle()
    conductor.until_weight(5)
    assert conductor.service.answers() == {"v1": 95, "v2": 5}


def test_a_stage_begins_when_the_traffic_shows_its_weight() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    decision = conductor.once()
    assert (decision.status.weight, decision.look) == (5, "none")
    conductor.now += 600
    decision = conductor.once()  # KServe has not done it: no time of the stage has passed
    assert decision.status.weight == 5
    assert "shows 0 %" in decision.status.message
    conductor.service.settle()
    decision = conductor.once()
    assert decision.look == "go on"
    assert decision.status.plan["settledAt"] == conductor.now


def test_the_minimum_time_of_a_step_is_kept() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    status = conductor.until_weight(5)
    began = conductor.now
    while status.weight == 5:
        verdict = status.verdict
        status = conductor.run()
    assert conductor.now - began >= 10
    assert verdict is not None
    assert verdict.kind == "hold"
    assert "minimum time" in verdict.message


def test_undecided_evidence_advances_nothing() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.run(100)
    assert conductor.status.weight == 5
    assert conductor.status.verdict is not None
    assert conductor.status.verdict.kind == "insufficient-evidence"


def test_a_canary_that_is_not_the_latest_ready_one_loses_its_weight_and_gets_it_again() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.run(2)
    seen = conductor.service.seen()
    stale = type(seen)(**{**vars(seen), "ready": "r-00001"})
    decision = conductor.decide(stale)
    assert (decision.field, decision.status.phase) == (0, "Waiting")
    conductor.write(decision)
    conductor.follow(decision, seen)
    conductor.service.settle()
    conductor.until_weight(5)
    assert conductor.story == ["began", "weight", "weight", "advanced"]


def test_steps_edited_in_the_middle_go_on_above_the_present_weight() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(20)
    conductor.spec = deployed(steps=[{"weight": 10}, {"weight": 30}]).spec
    conductor.until_weight(30)
    assert conductor.status.step == 2
    conductor.until("Promoted")


@pytest.mark.parametrize("field", [None, 0])
def test_nothing_is_raised_while_the_newest_revision_is_of_an_older_spec(field: int | None) -> None:
    """v2 was rolled back and is the latest ready one: a weight now would be its."""
    conductor = trying()
    conductor.says["v2/a"] = "harm"
    conductor.until("RolledBack")
    conductor.service.webhook = field == 0
    conductor.service.apply(Template("v3"), weight="keep")
    for _ in range(5):
        decision = conductor.once()
        assert decision.field == 0
        conductor.service.reconcile()
    assert conductor.service.answers() == {"v1": 100}


def test_v2_rolled_back_and_then_v3_sends_not_one_percent_to_v2() -> None:
    conductor = trying()
    conductor.says |= {"v2/a": "harm", "v3/a": "within"}
    conductor.until("RolledBack")
    conductor.service.apply(Template("v3"))
    for number in range(80):
        if number == 8:
            conductor.service.start("r-00003")
        conductor.once()
        for step in (
            conductor.service.reconcile,
            conductor.service.configure,
            conductor.service.route,
        ):
            step()
            assert conductor.service.answers().get("v2", 0) == 0
        conductor.now += 1
    assert conductor.phase == "Promoted"
    assert conductor.service.answers() == {"v3": 100}


def test_two_versions_after_each_other() -> None:
    conductor = trying()
    conductor.says |= {"v2/a": "within", "v3/a": "within"}
    conductor.until("Promoted")
    bring(conductor, "v3")
    assert conductor.phase == "Waiting"
    assert conductor.service.answers() == {"v2": 100}
    conductor.until("Promoted")
    assert conductor.service.answers() == {"v3": 100}
