from tests.unit.rollout.plan.conductor import Conductor, deployed, spec_of, trying
from tests.unit.rollout.plan.kserve_model import Template


def test_a_rollout_that_comes_to_a_running_service_takes_it_as_it_is() -> None:
    conductor = deployed()
    fresh = Conductor(conductor.service, spec_of())
    fresh.run(3)
    assert fresh.status.phase == "Idle"
    assert fresh.story == []


def test_a_version_that_took_all_traffic_while_nobody_looked_is_stable() -> None:
    conductor = deployed()
    conductor.service.webhook = False
    conductor.service.apply(Template("v2"))
    conductor.service.settle()
    conductor.service.start("r-00002")
    conductor.service.settle()
    decision = conductor.once()
    assert "without a rollout" in decision.announcements[0].message
    conductor.run(5)
    assert conductor.service.answers() == {"v2": 100}
    assert conductor.status.stable is not None
    assert conductor.status.stable.version == "v2"


def test_without_the_webhook_the_weight_is_taken_before_the_version_is_ready() -> None:
    conductor = deployed()
    conductor.service.webhook = False
    conductor.service.apply(Template("v2"))
    conductor.service.settle()
    conductor.run()
    conductor.service.start("r-00002")
    conductor.service.settle()
    assert conductor.service.answers() == {"v1": 100}


def test_too_late_a_zero_is_one_step_back() -> None:
    conductor = deployed()
    conductor.service.webhook = False
    conductor.service.apply(Template("v2"))
    conductor.service.settle()
    seen = conductor.service.seen()
    decision = conductor.decide(seen)
    conductor.service.start("r-00002")
    conductor.service.route()
    conductor.write(decision)
    conductor.follow(decision, seen)
    conductor.service.settle()
    conductor.run(3)
    assert conductor.service.answers() == {"v1": 95, "v2": 5}


def test_news_older_than_the_last_step_changes_nothing() -> None:
    """Another controller promoted; to one that still sees v1 the promoted version is not to seem lost."""
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(50)
    old = conductor.service.seen()
    conductor.until("Promoted")
    status = conductor.status
    decision = conductor.decide(old)
    assert decision.status == status
    assert (decision.field, decision.look, decision.pressing) == ("leave", "none", False)
    conductor.now += 3600  # a number that stays lower is that of a restored cluster
    assert conductor.decide(old).status != status


def test_a_version_that_comes_between_the_decision_and_the_weight_does_not_meet_it() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(5)
    seen = conductor.service.seen()
    while (decision := conductor.decide(seen)).field != 20:
        conductor.write(decision)
        conductor.now += 1
    conductor.write(decision)
    conductor.service.apply(Template("v3"))
    conductor.follow(decision, seen)
    assert conductor.service.weight == 0
    conductor.service.settle()
    conductor.service.start("r-00003")
    conductor.service.settle()
    assert conductor.service.answers() == {"v1": 100}


def test_the_step_back_of_an_unlucky_zero_is_followed_and_said() -> None:
    """KServe may read its own 0 before the new revision exists: v1 is stable again then."""
    conductor = trying()
    service = conductor.service
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")
    service.apply(Template("v3"))
    service.reconcile()
    service.route()
    service.reconcile()
    conductor.run(2)
    assert conductor.status.stable is not None
    assert conductor.status.stable.version == "v1"
    assert any("did not ask for" in entry.message for entry in conductor.status.history)
    service.start("r-00003")
    service.settle()
    conductor.until_weight(5)
    assert service.answers() == {"v1": 95, "v3": 5}
