from collections import Counter

import pytest

from tests.unit.rollout.plan.conductor import Conductor, deployed, trying
from trellis.contracts.rollout_status import Command


def _at(weight: int) -> Conductor:
    conductor = trying()
    conductor.until_weight(weight)
    conductor.says["v2/a"] = "within"
    return conductor


def test_pause_holds_and_resume_goes_on() -> None:
    conductor = _at(5)
    conductor.ask("pause")
    conductor.run(60)
    assert (conductor.phase, conductor.service.weight) == ("Paused", 5)
    assert "paused by ada" in conductor.status.message
    conductor.ask("resume")
    conductor.until("Promoted")


def test_harm_is_not_waited_with_while_paused() -> None:
    conductor = _at(5)
    conductor.ask("pause")
    conductor.run(2)
    conductor.says["v2/a"] = "harm"
    conductor.until("RolledBack")


def test_paused_in_the_spec() -> None:
    conductor = trying(paused=True)
    conductor.run(20)
    assert (conductor.phase, conductor.service.weight) == ("Paused", 0)
    conductor.ask("resume")
    conductor.run()
    assert conductor.story[-1] == "refused"
    assert "spec.paused" in conductor.status.history[-1].message
    conductor.spec = conductor.spec.model_copy(update={"paused": False})
    conductor.until_weight(5)


def test_skip_goes_one_step_and_from_the_last_to_promotion() -> None:
    conductor = _at(5)
    conductor.says.clear()
    for number, weight in enumerate((20, 50)):
        conductor.ask("skip", number)
        conductor.until_weight(weight)
    conductor.ask("skip", 9)
    conductor.until("Promoted")
    assert Counter(conductor.story)["skipped"] == 3


def test_promote_needs_no_evidence_but_a_ready_version() -> None:
    conductor = deployed()
    conductor.service.apply(type(conductor.service.template)("v2"))
    conductor.service.settle()
    conductor.run(2)
    conductor.ask("promote", 1)
    conductor.run(2)
    assert "v2 is not ready" in conductor.status.history[-1].message
    conductor.service.start("r-00002")
    conductor.service.settle()
    conductor.ask("promote", 2)
    conductor.until("Promoted")
    assert conductor.service.answers() == {"v2": 100}


@pytest.mark.parametrize("weight", [0, 5, 20])
def test_abort_is_sticky(weight: int) -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    if weight:
        conductor.until_weight(weight)
    conductor.ask("abort")
    conductor.until("RolledBack")
    conductor.run(20)
    assert conductor.service.answers() == {"v1": 100}
    assert conductor.status.history[-1].what == "aborted"
    assert conductor.status.history[-1].actor == "ada"


def test_abort_of_a_promotion_whose_weight_is_gone_steps_back() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until_weight(50)
    while conductor.service.weight is not None:
        conductor.once()
        conductor.now += 1
    conductor.service.settle()
    assert conductor.service.answers() == {"v2": 100}
    conductor.ask("abort")
    conductor.until("RolledBack")
    assert conductor.service.answers() == {"v1": 100}


def test_abort_after_a_promotion_is_one_step_back() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")
    conductor.ask("abort", 1)
    conductor.until("RolledBack")
    assert conductor.service.answers() == {"v1": 100}
    assert conductor.status.stable is not None
    assert conductor.status.stable.version == "v1"
    conductor.ask("retry")
    conductor.until("Promoted")
    assert conductor.service.answers() == {"v2": 100}


def test_no_step_back_to_a_revision_of_the_same_version() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")
    conductor.service.annotate("argocd")
    conductor.service.settle()
    conductor.service.start("r-00003")
    conductor.service.settle()
    conductor.run(2)
    conductor.ask("abort")
    conductor.run(3)
    assert conductor.status.history[-1].what == "refused"
    assert conductor.service.answers() == {"v2": 100}


@pytest.mark.parametrize("do", ["pause", "resume", "skip", "promote", "abort", "retry"])
def test_a_command_that_means_nothing_now_is_refused_with_a_line(do: str) -> None:
    conductor = deployed()
    conductor.ask(do)
    conductor.run(3)
    assert conductor.story == ["refused"]
    assert conductor.status.history[0].message.startswith(f"{do}: ")
    assert conductor.phase == "Idle"


def test_a_command_for_another_version_is_refused() -> None:
    conductor = _at(5)
    conductor.ask("abort", version="v1")
    conductor.run(2)
    assert conductor.phase == "Progressing"
    assert "meant for v1, and v2" in conductor.status.history[-1].message


def test_each_command_is_carried_out_once_however_long_it_stands_there() -> None:
    conductor = _at(5)
    conductor.says.clear()
    conductor.ask("skip")
    conductor.run(100)
    assert conductor.status.weight == 20
    assert conductor.story.count("skipped") == 1


def test_commands_that_stand_there_are_remembered_whatever_their_number() -> None:
    conductor = _at(5)
    conductor.says.clear()
    conductor.commands = [
        Command(id=f"c{number}", do="retry", actor=f"person {number}") for number in range(80)
    ]
    conductor.run(5)
    actors = [entry.actor for entry in conductor.status.history]
    assert len(set(actors)) == len(actors) == 50  # as many as the history keeps
    assert len(conductor.status.plan["carriedOut"]) == 80
    conductor.commands = []
    for number in range(200):
        conductor.commands = [Command(id=f"d{number}", do="retry")]
        conductor.once()
    assert len(conductor.status.plan["carriedOut"]) <= 51


def test_commands_to_a_refused_rollout_are_refused_and_do_not_wait() -> None:
    conductor = _at(5)
    conductor.rival = "older"
    conductor.ask("abort")
    conductor.run(2)
    conductor.rival = None
    conductor.run(2)
    assert conductor.phase == "Progressing"
    assert "aborted" not in conductor.story
