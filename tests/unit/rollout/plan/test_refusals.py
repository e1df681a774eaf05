from dataclasses import replace

from tests.unit.rollout.plan.conductor import Conductor, deployed, trying
from trellis.rollout.plan import GatewaysSeen, decide


def _reasons(conductor: Conductor) -> dict[str, str]:
    return {one.type: one.reason for one in conductor.status.conditions}


def test_a_service_that_cannot_split_is_refused_in_words() -> None:
    conductor = trying()
    seen = replace(conductor.service.seen(), cannot_split="Standard mode moves no traffic here")
    decision = conductor.decide(seen)
    assert (decision.status.phase, decision.field, decision.look) == ("Refused", "leave", "none")
    assert decision.status.message == "Standard mode moves no traffic here"
    conductor.write(decision)
    assert _reasons(conductor)["Degraded"] == "CannotSplit"
    assert conductor.decide(seen).status.history == decision.status.history  # said once


def test_a_service_that_is_not_there_is_refused_and_taken_up_when_it_comes() -> None:
    conductor = deployed()
    decision = decide(
        conductor.spec, conductor.status, None, None, (), conductor.now, GatewaysSeen()
    )
    assert decision.status.phase == "Refused"
    assert decision.status.message == "there is no InferenceService tomato here"
    conductor.write(decision)
    conductor.run(2)
    assert conductor.phase == "Idle"
    assert conductor.story == ["refused", "resumed"]


def test_of_two_rollouts_the_older_one_keeps_the_service() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.rival = "tomato-older"
    decision = conductor.once()
    assert (decision.status.phase, decision.field) == ("Refused", "leave")
    assert "tomato-older" in decision.status.message
    conductor.rival = None
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")


def test_what_the_cluster_refused_is_said_and_goes_away() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.trouble = "admission webhook denied the request"
    decision = conductor.once()
    assert "denied the request" in decision.status.message
    assert [one.reason for one in decision.announcements] == ["ClusterRefused"]
    conductor.trouble = ""
    conductor.once()
    assert _reasons(conductor)["Degraded"] == "AsExpected"
