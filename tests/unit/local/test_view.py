from dataclasses import replace

import pytest
from rich.console import Console

from trellis.local.child import ChildState
from trellis.local.events import Event
from trellis.local.traffic import Traffic
from trellis.local.view import RevisionRow, Screen, event_line, milliseconds, render

STABLE = RevisionRow(
    revision="tomato-00001", version="v1", share=80, role="stable", state=ChildState.READY,
    reason="", seconds=5,
    silent_seconds=0, traffic=Traffic(rate=160.0, p50=0.0042, p99=0.12, errors=0, requests=1600),
)  # fmt: skip
CANARY = replace(
    STABLE,
    revision="tomato-00002",
    version="v2",
    share=20,
    role="canary",
    traffic=Traffic(rate=4.0, p50=0.005, p99=1.3, errors=1, requests=40),
)
SCREEN = Screen(
    address="http://127.0.0.1:8080",
    grpc_address="127.0.0.1:8081",
    headline="tomato answers",
    ready=True,
    models=[("tomato", [STABLE, CANARY])],
    gateway=ChildState.READY,
    gateway_reason="",
    events=[Event(0, "error", "tomato-00002 exited with 1", times=3)],
    footer="Ctrl-C drains and stops",
)


def text(screen: Screen, width: int = 120) -> str:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(render(screen, width))
    return captured.get()


def test_the_screen_shows_versions_weights_traffic_and_where_to_go() -> None:
    said = text(SCREEN)
    for words in (
        "http://127.0.0.1:8080", "tomato answers", "80 %", "20 %", "ready, canary", "160",
        "4.2 ms", "120 ms", "1.3 s", "2.5%", "exited with 1 (3 times)", "Ctrl-C",
    ):  # fmt: skip
        assert words in said, words


def test_a_revision_that_dies_says_why() -> None:
    dying = replace(CANARY, state=ChildState.RESTARTING, reason="exited with 1: hash differs")
    screen = replace(SCREEN, models=[("tomato", [STABLE, dying])])
    assert "hash differs" in text(screen)


def test_a_revision_that_hangs_is_shown_as_such() -> None:
    screen = replace(SCREEN, models=[("tomato", [replace(STABLE, silent_seconds=7.2)])])
    assert "silent 7.2 s" in text(screen)


def test_before_it_is_ready_no_address_is_promised() -> None:
    screen = replace(
        SCREEN, ready=False, gateway=ChildState.STARTING, headline="waiting for tomato"
    )
    said = text(screen)
    assert "waiting for tomato" in said
    assert "gateway starting" in said
    assert "http://127.0.0.1:8080" not in said


@pytest.mark.parametrize("width", [80, 96, 112, 200])
def test_it_fits_any_terminal_with_nothing_cut(width: int) -> None:
    said = text(SCREEN, width)
    assert all(len(line) <= width for line in said.splitlines())
    assert "…" not in said
    for words in ("tomato-00002", "20 %", "ready, canary", "1.3 s", "2.5%"):
        assert words in said
    assert len(said.splitlines()) == len(text(SCREEN, 200).splitlines())


def test_text_in_brackets_is_no_markup() -> None:
    screen = replace(SCREEN, events=[Event(0, "info", "[red]not red[/red] [/]")])
    assert "[red]not red[/red] [/]" in text(screen)


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "-"), (0.0042, "4.2 ms"), (0.12, "120 ms"), (1.26, "1.3 s")]
)
def test_durations(seconds: float | None, words: str) -> None:
    assert milliseconds(seconds) == words


def test_plain_lines_mark_what_is_wrong() -> None:
    assert event_line(Event(0, "error", "x")).endswith(" error: x")
    assert event_line(Event(0, "info", "x")).endswith(" x")
