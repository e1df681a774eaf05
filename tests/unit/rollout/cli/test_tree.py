import io

from rich.console import Console

from tests.unit.rollout.cli.views import BEGAN, rehearsed
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus, RolloutView
from trellis.rollout.cli.tree import HISTORY_LINES, draw


def drawn(view: RolloutView, width: int = 140) -> str:
    paper = io.StringIO()
    Console(file=paper, width=width, highlight=False).print(draw(view))
    return paper.getvalue()


def test_a_rollout_under_way_shows_sides_steps_guardrails_and_history() -> None:
    text = drawn(rehearsed())
    first = text.splitlines()[0]
    assert first.startswith("tomato  Progressing")
    for said in (
        "canary  canary  ░░░░░░░░░░ 5 %",
        "stable  stable  ██████████ 95 %",
        "steps  5 % → 20 % → 50 % → 100 %",
        "errors    undecided",
        "restarts  undecided",
        "verdict  insufficient-evidence",
        "Progressing=True (Progressing)",
        "2001-09-09 01:46:40  weight  canary",
    ):
        assert said in text


def test_harm_fills_its_meter() -> None:
    view = rehearsed(error_rate=0.2, longest=600)
    assert view.status.phase == "RolledBack"
    (line,) = [line for line in drawn(view).splitlines() if "errors    harm" in line]
    assert "harm ██████████ e " in line
    assert " of 40 " in line


def test_every_line_fits_a_narrow_terminal() -> None:
    text = drawn(rehearsed(), width=80)
    assert max(map(len, text.splitlines())) <= 80


def test_the_history_is_short_and_its_newest_line_first() -> None:
    view = rehearsed()
    many = tuple(
        view.status.history[0].model_copy(update={"time": BEGAN + n, "message": f"entry {n}"})
        for n in range(20)
    )
    status = view.status.model_copy(update={"history": many})
    lines = [
        line
        for line in drawn(view.model_copy(update={"status": status})).splitlines()
        if "entry" in line
    ]
    assert [line.rsplit(" ", 1)[1] for line in lines] == [str(19 - n) for n in range(HISTORY_LINES)]


def test_a_rollout_that_no_controller_has_seen_is_drawn() -> None:
    view = RolloutView(
        name="new", spec=RolloutSpec(inference_service="new"), status=RolloutStatus()
    )
    assert drawn(view).startswith("new  Idle")


def test_what_a_terminal_would_obey_is_not_printed() -> None:
    view = rehearsed()
    status = view.status.model_copy(update={"message": "v2\x1b[2J\x07 [bold]is[/bold] well"})
    text = drawn(view.model_copy(update={"status": status}))
    assert "v2?[2J? [bold]is[/bold] well" in text
