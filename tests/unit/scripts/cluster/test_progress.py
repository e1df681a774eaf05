import io
from collections.abc import Iterator

from rich.console import Console

from scripts.cluster.progress import Progress


def clock() -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += 1.5


def recorded() -> tuple[Progress, io.StringIO]:
    ticks, written = clock(), io.StringIO()
    return Progress(Console(file=written, width=40), lambda: next(ticks)), written


def test_a_step_says_what_it_waits_for_and_its_seconds() -> None:
    progress, written = recorded()
    with progress.step("Nodes") as say:
        say("three nodes [worker] of a cluster whose name is longer than the terminal is wide")
    lines = written.getvalue().splitlines()
    assert len(lines) == 2
    assert "Nodes: three nodes [worker] of a cluster whose name is longer" in lines[0]
    assert "Nodes (3.0 s)" in lines[1]


def test_the_same_words_are_said_once() -> None:
    progress, written = recorded()
    with progress.step("Nodes") as say:
        for what in ("kind", "kind", "taint", "kind"):
            say(what)
    said = [line.rpartition(": ")[2] for line in written.getvalue().splitlines()[:-1]]
    assert said == ["kind", "taint", "kind"]
