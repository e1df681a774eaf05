import pytest

from tests.unit.rollout.cli.views import rehearsed
from trellis.contracts.rollout_status import Command, HistoryEntry, RolloutView
from trellis.rollout.cli.ask import actor, answer_in
from trellis.rollout.plan.memory import recall, written

PAUSE = Command(id="a", do="pause", actor="ann")


def after(view: RolloutView, *entries: HistoryEntry) -> RolloutView:
    memory = recall(view.status)
    memory = memory.model_copy(update={"recorded": memory.recorded + len(entries)})
    history = (*view.status.history, *entries)[-50:]
    status = view.status.model_copy(update={"history": history, "plan": written(memory)})
    return view.model_copy(update={"status": status})


def test_the_line_that_a_command_left_is_its_answer() -> None:
    before = rehearsed()
    others = HistoryEntry(time=1, what="advanced", message="20 % of traffic")
    mine = HistoryEntry(time=1, what="paused", message="held at 5 %", actor="ann")
    assert answer_in(before, after(before, others, mine), PAUSE) == (False, "held at 5 %")


def test_a_refusal_gives_its_reason() -> None:
    before = rehearsed()
    line = HistoryEntry(time=1, what="refused", message="pause: it is paused already", actor="ann")
    assert answer_in(before, after(before, line), PAUSE) == (True, "it is paused already")


def test_a_refusal_of_another_command_is_not_taken_for_it() -> None:
    before = rehearsed()
    bob = HistoryEntry(time=1, what="refused", message="pause: it is paused already", actor="bob")
    skip = HistoryEntry(time=1, what="refused", message="skip: nothing is on trial", actor="ann")
    mine = HistoryEntry(time=2, what="paused", message="held", actor="ann")
    assert answer_in(before, after(before, bob, skip, mine), PAUSE) == (False, "held")


def test_lines_from_before_are_no_answer() -> None:
    line = HistoryEntry(time=1, what="refused", message="pause: it is paused already", actor="ann")
    before = after(rehearsed(), line)
    assert answer_in(before, before, PAUSE) == (False, "")


def test_a_full_history_has_the_answer_still() -> None:
    filler = [HistoryEntry(time=n, what="weight", message=f"{n}") for n in range(60)]
    before = after(rehearsed(), *filler)
    mine = HistoryEntry(time=99, what="paused", message="held", actor="ann")
    assert answer_in(before, after(before, mine), PAUSE) == (False, "held")


def test_the_actor_fits_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "änn\r\nx-evil: 1" + "n" * 100)
    assert actor() == ("nnx-evil: 1" + "n" * 100)[:64]
