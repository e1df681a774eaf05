import pytest

from tests.unit.rollout.cli.views import BEGAN, rehearsed
from trellis.contracts.rollout_status import RolloutView
from trellis.rollout.cli.explanation import explanation
from trellis.rollout.plan.memory import recall, written


def explained(view: RolloutView, at: float = 60.0) -> str:
    return "\n".join(explanation(view, BEGAN + at))


def remembering(view: RolloutView, **changes: object) -> RolloutView:
    memory = recall(view.status).model_copy(update=changes)
    status = view.status.model_copy(update={"plan": written(memory)})
    return view.model_copy(update={"status": status})


def test_an_open_verdict_names_each_guardrail_and_what_is_missing() -> None:
    text = explained(rehearsed(longest=30), at=30)
    assert "The last verdict was insufficient-evidence: the evidence decides neither" in text
    assert text.startswith(
        "tomato is Progressing: canary has 5 % of traffic (step 1 of 3) for 30s\n"
    )
    assert "- errors: canary " in text
    assert "- restarts: canary " in text
    assert "Until 20 % of traffic:" in text
    assert "- the step's minimum time lasts 30s more" in text
    assert "- errors and restarts must be shown to lie within the margin" in text


@pytest.mark.parametrize(
    ("then", "said"), [("hold", "held where it is"), ("rollback", "rolled back")]
)
def test_the_deadline_is_told_with_what_it_does(then: str, said: str) -> None:
    text = explained(rehearsed(deadline="2h", onDeadline=then), at=60)
    assert (
        f"The deadline of 2h passes in 1h59m; without a decision until then it is {said}." in text
    )


def test_a_pause_is_told_with_its_remedy_and_the_clock_that_stands_still() -> None:
    view = remembering(rehearsed(deadline="2h"), paused=True, held_since=BEGAN + 3600)
    text = explained(view, at=7000)
    assert "a person paused it: `resume` goes on" in text
    assert "The deadline stands still while it is held, with 1h left" in text


def test_a_passed_deadline_is_told() -> None:
    view = remembering(rehearsed(deadline="2h"), overdue=True)
    text = explained(view, at=7300)
    assert "The deadline of 2h has passed" in text
    assert "`resume` gives it the same time again" in text


def test_a_missing_metric_is_told_as_no_health() -> None:
    view = rehearsed()
    assert view.status.verdict is not None
    errors, restarts = view.status.verdict.guardrails
    blind = errors.model_copy(update={"state": "blind", "message": "errors: no pod answers"})
    verdict = view.status.verdict.model_copy(
        update={"kind": "hold", "guardrails": (blind, restarts)}
    )
    status = view.status.model_copy(update={"verdict": verdict})
    text = explained(view.model_copy(update={"status": status}))
    assert "- errors: no pod answers" in text
    assert "errors must be seen again: a missing metric is never read as health" in text


def test_no_harm_counts_requests() -> None:
    text = explained(rehearsed(longest=10, advance="noHarm"))
    assert "- no harm in " in text
    assert "within the margin\n" not in text


def test_a_rollback_says_why_and_how_to_try_again() -> None:
    text = explained(rehearsed(error_rate=0.2, longest=600), at=600)
    assert text.startswith("tomato is RolledBack: canary was rolled back\n")
    assert "The last verdict was rollback: the evidence shows harm beyond the margin." in text
    assert "`trellis rollout retry`" in text
    assert "deadline" not in text
