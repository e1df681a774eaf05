import pytest

from tests.unit.rollout.plan.conductor import Conductor, bring, trying
from tests.unit.rollout.plan.kserve_model import Template


def _at(weight: int) -> Conductor:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(weight)
    return conductor


def _by_hand(conductor: Conductor, weight: int | None) -> None:
    conductor.service.apply(conductor.service.template, weight=weight, owner="hand")
    conductor.service.settle()


def test_a_weight_set_by_hand_is_left_and_said() -> None:
    conductor = _at(20)
    _by_hand(conductor, 33)
    decision = conductor.once()
    assert (decision.status.phase, decision.field, decision.table) == (
        "Paused",
        "leave",
        "untagged",
    )
    conductor.run(100)
    assert conductor.service.answers() == {"v1": 67, "v2": 33}
    assert conductor.story[-1] == "weightChangedByHand"
    assert "kubectl-edit set weight 33" in conductor.status.message
    condition = {one.type: one for one in conductor.status.conditions}["Paused"]
    assert (condition.status, condition.reason) == ("True", "ManualWeight")


def test_resume_takes_the_weight_back() -> None:
    conductor = _at(20)
    _by_hand(conductor, 33)
    conductor.run(2)
    conductor.ask("resume")
    conductor.run(2)
    assert conductor.service.answers() == {"v1": 80, "v2": 20}
    assert conductor.service.owner == "us"
    conductor.until("Promoted")


def test_a_hand_that_sets_it_back_resumes_too() -> None:
    conductor = _at(20)
    _by_hand(conductor, 33)
    conductor.run(2)
    _by_hand(conductor, 20)
    conductor.until("Promoted")
    assert "resumed" in conductor.story


def test_a_hand_that_agrees_is_no_reason_to_stop() -> None:
    conductor = _at(5)
    _by_hand(conductor, 5)
    conductor.until("Promoted")
    assert "weightChangedByHand" not in conductor.story


def test_harm_at_a_weight_set_by_hand_moves_nothing_and_is_loud() -> None:
    conductor = _at(20)
    _by_hand(conductor, 33)
    conductor.run(2)
    conductor.says["v2/a"] = "harm"
    decision = conductor.once()
    assert decision.field == "leave"
    assert [(one.type, one.reason) for one in decision.announcements] == [
        ("Warning", "HarmAtManualWeight")
    ]
    assert "although errors: harm" in conductor.status.message
    conductor.run(5)
    assert conductor.service.weight == 33
    conductor.ask("resume")
    conductor.until("RolledBack")
    assert conductor.service.answers() == {"v1": 100}


@pytest.mark.parametrize("weight", [100, None])
def test_a_promotion_by_hand_is_noted(weight: int | None) -> None:
    conductor = _at(20)
    conductor.service.webhook = False
    _by_hand(conductor, 33)
    conductor.run(2)
    _by_hand(conductor, weight)
    conductor.run(5)
    assert conductor.service.answers() == {"v2": 100}
    assert conductor.status.stable is not None
    assert conductor.status.stable.version == "v2"
    assert conductor.status.canary is None
    assert conductor.phase == ("Paused" if weight else "Promoted")


def test_a_promotion_by_hand_can_be_aborted() -> None:
    conductor = _at(20)
    _by_hand(conductor, 100)
    conductor.run(3)
    conductor.ask("abort")
    conductor.until("RolledBack")
    assert conductor.service.answers() == {"v1": 100}


@pytest.mark.parametrize(("do", "version"), [("abort", "v1"), ("promote", "v2")])
def test_abort_and_promote_take_the_weight_back_as_well(do: str, version: str) -> None:
    conductor = _at(20)
    _by_hand(conductor, 33)
    conductor.run(2)
    conductor.ask(do)
    conductor.run(20)
    assert conductor.service.answers() == {version: 100}


def test_a_new_version_ends_a_pause_by_hand() -> None:
    conductor = _at(20)
    _by_hand(conductor, 33)
    conductor.run(2)
    conductor.says["v3/a"] = "within"
    bring(conductor, "v3")
    conductor.until("Promoted")
    assert conductor.service.answers() == {"v3": 100}


def test_a_weight_that_another_manager_applies_is_refused() -> None:
    conductor = _at(20)
    conductor.service.apply(conductor.service.template, weight=40, owner="applier")
    conductor.service.settle()
    decision = conductor.once()
    assert (decision.status.phase, decision.field, decision.table) == (
        "Refused",
        "leave",
        "untagged",
    )
    assert "argocd: drop the field" in conductor.status.message
    conductor.says["v2/a"] = "harm"
    conductor.run(5)
    assert conductor.service.weight == 40
    assert "nothing is moved although errors: harm" in conductor.status.message


def test_once_the_manager_drops_it_the_rollout_goes_on_where_it_was() -> None:
    conductor = _at(20)
    conductor.service.apply(conductor.service.template, weight=40, owner="applier")
    conductor.service.settle()
    conductor.run(3)
    conductor.service.apply(conductor.service.template, weight=None)
    conductor.service.settle()
    conductor.run(2)
    assert conductor.phase == "Progressing"
    assert conductor.service.answers() == {"v1": 80, "v2": 20}
    conductor.until("Promoted")
    assert conductor.story.count("advanced") == 3


def test_a_manifest_that_carries_a_weight_beside_its_version_keeps_it() -> None:
    conductor = _at(20)
    conductor.service.webhook = False
    conductor.service.apply(Template("v3"), weight=100, owner="applier")
    conductor.service.settle()
    conductor.run()
    conductor.service.start("r-00003")
    conductor.service.settle()
    conductor.run(3)
    assert conductor.phase == "Refused"
    assert conductor.status.stable is not None
    assert conductor.status.stable.version == "v3"
    assert conductor.service.answers() == {"v3": 100}
