"""What holds of every pass: exactly once, in bounds, and only words that may wait."""

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from tests.unit.rollout.plan.conductor import Conductor, deployed, trying
from trellis.rollout.plan import decide
from trellis.rollout.plan.draft import MOST_HISTORY


def test_killed_at_every_line_a_rollout_takes_the_same_steps() -> None:
    """A pass dies after each of its parts in turn: nothing is repeated, nothing left out."""
    for dies_before in ("write", "follow", ""):
        conductor = trying()
        conductor.says["v2/a"] = "within"
        for number in range(200):
            seen = conductor.service.seen()
            decision = conductor.decide(seen)
            dies = number % 2 == 0
            if not (dies and dies_before == "write"):
                conductor.write(decision)
                if not (dies and dies_before == "follow"):
                    conductor.follow(decision, seen)
            conductor.service.settle()
            conductor.now += 1
        assert conductor.phase == "Promoted"
        assert conductor.story == [
            "began",
            "weight",
            "advanced",
            "advanced",
            "advanced",
            "promoted",
        ]


def test_only_words_and_numbers_may_wait() -> None:
    conductor = trying()
    assert conductor.once().pressing
    conductor.until_weight(5)
    conductor.run(3)
    before = conductor.status.message
    conductor.now += 5
    decision = conductor.once()
    assert decision.status.message != before
    assert not decision.pressing
    conductor.says["v2/a"] = "within"
    assert conductor.once().pressing


def test_the_same_arguments_give_the_same_decision() -> None:
    conductor = trying()
    conductor.until_weight(5)
    assert conductor.decide() == conductor.decide()


def test_the_history_and_the_status_are_bounded() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.says["v2/a"] = "harm"
    for number in range(60):
        conductor.until("RolledBack")
        conductor.ask("retry", number, actor="someone with a rather long name " * 8)
    assert len(conductor.status.history) == MOST_HISTORY
    assert len(json.dumps(conductor.status.model_dump(mode="json"))) < 48 * 1024


def test_each_line_of_the_history_is_sent_until_it_was() -> None:
    conductor = trying()
    first = conductor.once().notifications
    assert [one.number for one in first] == list(range(1, len(first) + 1))
    again = conductor.once().notifications
    assert again[: len(first)] == first
    conductor.notified = first[-1].number
    assert all(one.number > first[-1].number for one in conductor.once().notifications)
    conductor.notified = 0  # another controller, that has sent nothing itself
    assert all(one.number > first[-1].number for one in conductor.once().notifications)


def test_a_memory_that_is_not_the_plans_own_is_an_error() -> None:
    conductor = trying()
    status = conductor.status.model_copy(update={"plan": {"course": "sideways"}})
    with pytest.raises(ValidationError, match="course"):
        decide(
            conductor.spec,
            status,
            conductor.service.seen(),
            None,
            (),
            conductor.now,
            conductor.gateways,
        )


def test_a_newer_controllers_memory_is_understood() -> None:
    conductor = trying()
    conductor.until_weight(5)
    plan = {**conductor.status.plan, "somethingNew": 1}
    conductor.status = conductor.status.model_copy(update={"plan": plan})
    assert conductor.once().status.weight == 5


def _sharing(conductor: Conductor) -> list[str]:
    return [decision.table for decision in conductor.decisions]


def test_gateways_split_by_tag_hosts_only_while_both_are_there() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.until("Promoted")
    tables = _sharing(conductor)
    first, last = tables.index("tagged"), len(tables) - tables[::-1].index("tagged") - 1
    assert set(tables[first : last + 1]) == {"tagged"}
    before = conductor.decisions[first - 1].status
    assert (before.phase, before.weight) == ("Progressing", 5)
    assert conductor.decisions[last + 1].status.phase == "Promoting"


def test_while_the_knative_service_is_away_nothing_changes_but_the_message() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.ask("pause")
    before = conductor.run(2)
    conductor.service.away = True
    decision = conductor.once()
    assert "Knative Service of tomato is away" in decision.status.message
    assert decision.status.model_copy(update={"message": before.message}) == before
    assert (decision.field, decision.look) == ("leave", "none")
    conductor.service.away = False
    after = conductor.run()
    assert (after.phase, after.weight, after.evidence) == ("Paused", 5, before.evidence)
    assert conductor.story.count("began") == 1


def test_a_service_that_cannot_split_is_refused_without_a_knative_service() -> None:
    conductor = deployed()
    conductor.service.away = True
    seen = replace(conductor.service.seen(), cannot_split="it runs in another mode")
    assert conductor.decide(seen).status.phase == "Refused"
