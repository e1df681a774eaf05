from dataclasses import replace

from tests.unit.rollout.plan.conductor import bring, deployed, trying
from tests.unit.rollout.plan.kserve_model import Template
from trellis.rollout.plan.turning import CARRYING_BOUND


def test_a_new_version_in_the_middle_begins_anew_at_zero() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(20)
    evidence = conductor.status.evidence
    assert evidence == {"of": "v2/a"}
    conductor.service.apply(Template("v3"))
    decision = conductor.once()
    assert (decision.field, decision.table, decision.status.step) == (0, "untagged", 0)
    assert decision.status.evidence == {}
    assert conductor.story[-1] == "superseded"
    assert "v2, which had 20 %" in conductor.status.history[-1].message
    conductor.service.settle()
    assert conductor.service.answers() == {"v1": 100}
    conductor.service.start("r-00003")
    conductor.service.settle()
    conductor.until_weight(5)
    assert conductor.service.answers() == {"v1": 95, "v3": 5}


def test_evidence_of_the_version_before_does_not_judge_the_new_one() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.run(2)
    conductor.says["v2/a"] = "harm"
    conductor.service.apply(Template("v3"))
    decision = conductor.once()
    assert decision.status.phase == "Waiting"
    assert decision.status.plan.get("rolledBack") is None


def test_the_same_version_with_another_image_is_another_one() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.service.apply(Template("v2", image="b"))
    conductor.once()
    assert conductor.story[-1] == "superseded"
    assert conductor.service.weight == 0


def test_a_revert_in_git_ends_the_trial_and_lets_the_old_version_through() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(20)
    conductor.service.apply(Template("v1"))
    decision = conductor.once()
    assert (decision.status.phase, decision.field) == ("Waiting", 0)
    assert decision.status.canary is None
    conductor.service.settle()
    for _ in range(3):
        conductor.run()
        assert conductor.service.answers() == {"v1": 100}
    conductor.service.start("r-00003")
    conductor.service.settle()
    conductor.run(5)
    assert conductor.service.weight is None
    assert conductor.service.traffic == {"r-00003": 100}
    assert conductor.phase == "Idle"
    assert conductor.story[-2:] == ["superseded", "followed"]
    assert "promoted" not in conductor.story


def test_a_revert_without_the_webhook_takes_the_weight_first() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.service.webhook = False
    conductor.service.apply(Template("v1"))
    conductor.run(2)
    assert conductor.service.answers() == {"v1": 100}


def test_a_version_rolled_back_is_not_tried_when_it_comes_again() -> None:
    conductor = trying()
    conductor.says |= {"v2/a": "harm", "v3/a": "within"}
    conductor.until("RolledBack")
    bring(conductor, "v3")
    conductor.until("Promoted")
    bring(conductor, "v2")
    conductor.run(30)
    assert conductor.phase == "RolledBack"
    assert "rolled back before" in conductor.status.message
    assert conductor.service.answers() == {"v3": 100}


def test_retry_tries_it_again_with_new_evidence() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "harm"
    conductor.until("RolledBack")
    conductor.says["v2/a"] = "within"
    conductor.ask("retry")
    decision = conductor.once()
    assert decision.status.evidence == {}
    assert conductor.status.history[-2].what == "began"
    conductor.until("Promoted")
    assert conductor.service.answers() == {"v2": 100}


def test_a_revision_of_a_stable_version_is_let_through_at_once() -> None:
    conductor = deployed()
    conductor.service.annotate("argocd")
    conductor.service.settle()
    conductor.run()
    assert conductor.phase == "Idle"
    assert "r-00002 is a new revision of it" in conductor.status.message
    conductor.service.start("r-00002")
    conductor.service.settle()
    conductor.run()
    assert conductor.story == ["followed"]
    assert conductor.service.traffic == {"r-00002": 100}
    assert conductor.status.stable is not None
    assert conductor.status.stable.revision == "r-00002"


def test_a_revision_of_the_version_on_trial_goes_on_with_its_evidence() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(20)
    conductor.service.annotate("argocd")
    conductor.service.settle()
    conductor.run(3)
    assert conductor.service.traffic == {"r-00001": 80, "r-00002": 20}
    conductor.service.start("r-00003")
    conductor.service.settle()
    conductor.run()
    assert conductor.service.traffic == {"r-00001": 80, "r-00003": 20}
    assert conductor.status.canary is not None
    assert conductor.status.canary.revision == "r-00003"
    assert conductor.status.evidence == {"of": "v2/a"}
    assert conductor.story[-1] == "followed"
    conductor.until("Promoted")
    assert conductor.story.count("began") == 1
    assert conductor.service.answers() == {"v2": 100}


def test_where_the_spec_says_trial_a_revision_of_the_same_version_is_tried() -> None:
    conductor = deployed(sameVersion="trial")
    conductor.service.annotate("argocd")
    conductor.service.reconcile()
    conductor.service.configure()
    conductor.service.reconcile()
    conductor.run(2)
    assert conductor.phase == "Waiting"
    conductor.service.start("r-00002")
    conductor.service.settle()
    conductor.until_weight(5)
    assert conductor.service.traffic == {"r-00001": 95, "r-00002": 5}
    conductor.says["v1/a"] = "harm"
    conductor.until("RolledBack")
    assert conductor.service.traffic == {"r-00001": 100}
    conductor.run(5)
    assert conductor.phase == "RolledBack"


def test_where_the_spec_says_trial_another_revision_in_the_middle_begins_anew() -> None:
    conductor = trying(sameVersion="trial")
    conductor.until_weight(5)
    conductor.service.apply(replace(conductor.service.template, note="more memory"))
    conductor.service.settle()
    conductor.run()
    assert conductor.story[-1] == "superseded"
    assert conductor.service.answers() == {"v1": 95, "v2": 5} or conductor.service.weight == 0


def test_a_version_that_came_and_went_unseen_gets_nothing() -> None:
    """The webhook's 0 is all that keeps it from the traffic: it is the latest ready revision."""
    conductor = deployed()
    assert conductor.service.weight is None
    conductor.service.apply(Template("v2"))
    conductor.service.settle()
    conductor.service.start("r-00002")
    conductor.service.settle()
    conductor.service.apply(Template("v1"))
    for _ in range(5):
        conductor.run()
        assert conductor.service.answers() == {"v1": 100}
    conductor.service.start("r-00003")
    conductor.service.settle()
    conductor.run(2, seconds=CARRYING_BOUND)
    conductor.run(2)
    assert conductor.service.traffic == {"r-00003": 100}
    assert conductor.service.weight is None
