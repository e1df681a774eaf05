"""The terminal view: models, revisions, weights, traffic and what happened, in one screen."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trellis.local.child import ChildState
from trellis.local.events import Event
from trellis.local.supervisor import time_words
from trellis.local.traffic import Traffic

#: Columns of the terminal, and below them what is left out: first the model's name, which the
#: revision's has, and half of the bar; then the bar and P50.
_WIDE, _MIDDLE = 112, 96
_COLUMNS = ("MODEL", "REVISION", "VERSION", "TRAFFIC", "STATE", "REQ/S", "P50", "P99", "ERRORS")
_FIGURES = frozenset({"REQ/S", "P50", "P99", "ERRORS"})
_EVENT_LINES = 8
_SILENCE_SECONDS = 5.0
_STATE_STYLE = {
    ChildState.WAITING: "dim",
    ChildState.STARTING: "cyan",
    ChildState.READY: "green",
    ChildState.RESTARTING: "bold red",
    ChildState.DRAINING: "yellow",
    ChildState.STOPPED: "dim",
}
_EVENT_STYLE = {"info": "", "warning": "yellow", "error": "red"}


@dataclass(frozen=True)
class RevisionRow:
    """One revision as the view shows it: ``share`` in percent, ``seconds`` in its state,
    ``silent_seconds`` since a ready one last answered the supervisor.
    """

    revision: str
    version: str
    share: int
    role: str
    state: ChildState
    reason: str
    seconds: float
    silent_seconds: float
    traffic: Traffic


@dataclass(frozen=True)
class Screen:
    """All that the view shows at one moment; ``models`` in the manifests' order."""

    address: str
    grpc_address: str
    headline: str  #: what is waited for, or that all answer
    ready: bool
    models: Sequence[tuple[str, Sequence[RevisionRow]]]
    gateway: ChildState
    gateway_reason: str
    events: Sequence[Event]
    footer: str


def render(screen: Screen, width: int) -> RenderableType:
    """The screen as something that rich can print on ``width`` columns."""
    parts: list[RenderableType] = [_head(screen), Text(), _table(screen, width)]
    troubles = [row for _, rows in screen.models for row in rows if _in_trouble(row)]
    if troubles:
        parts += [Text(), *(_trouble(row) for row in troubles)]
    if screen.events:
        parts += [Text(), *(_event(event) for event in list(screen.events)[-_EVENT_LINES:])]
    return Panel(
        Group(*parts),
        title="[bold]trellis up[/]",
        title_align="left",
        subtitle=Text(screen.footer, "dim"),
        subtitle_align="left",
        border_style="green" if screen.ready else "cyan",
        padding=(1, 2),
    )


def _head(screen: Screen) -> RenderableType:
    head = Table.grid(padding=(0, 2))
    mark = Text("●", "green" if screen.ready else "cyan")
    head.add_row(mark, Text(screen.headline, "bold"))
    if screen.ready:
        head.add_row(
            "", Text.assemble(("web page and REST  ", "dim"), (screen.address, "bold cyan"))
        )
        head.add_row("", Text.assemble(("gRPC               ", "dim"), screen.grpc_address))
    if screen.gateway is not ChildState.READY:
        text = f"gateway {screen.gateway}"
        reason = f": {screen.gateway_reason}" if screen.gateway_reason else ""
        head.add_row("", Text(text + reason, _STATE_STYLE[screen.gateway]))
    return head


def _table(screen: Screen, width: int) -> RenderableType:
    columns = list(_COLUMNS)
    cells_of_bar = 10 if width >= _WIDE else 5 if width >= _MIDDLE else 0
    if width < _WIDE:
        columns.remove("MODEL")
    if width < _MIDDLE:
        columns.remove("P50")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    for title in columns:
        table.add_column(
            title,
            justify="right" if title in _FIGURES else "left",
            ratio=1 if title == "STATE" else None,
            no_wrap=True,
            overflow="ellipsis",
        )
    for model, rows in screen.models:
        for index, row in enumerate(rows):
            cells = _cells("" if index else model, row, cells_of_bar)
            table.add_row(*(cells[title] for title in columns))
    return table


def _cells(model: str, row: RevisionRow, cells_of_bar: int) -> dict[str, Text]:
    """The cells of a row by column."""
    traffic = row.traffic
    errors = traffic.errors / traffic.requests if traffic.requests else 0.0
    quiet = "" if traffic.requests else "dim"
    rate = f"{traffic.rate:,.0f}" if traffic.rate >= 10 else f"{traffic.rate:.1f}"
    return {
        "MODEL": Text(model, "bold"),
        "REVISION": Text(row.revision),
        "VERSION": Text(row.version or "…", "" if row.version else "dim"),
        "TRAFFIC": _bar(row, cells_of_bar),
        "STATE": _state(row),
        "REQ/S": Text(rate, quiet),
        "P50": Text(milliseconds(traffic.p50), quiet),
        "P99": Text(milliseconds(traffic.p99), quiet),
        "ERRORS": Text(f"{errors:.1%}", "bold red" if errors else quiet),
    }


def _bar(row: RevisionRow, cells: int) -> Text:
    filled = round(row.share * cells / 100)
    if row.share and cells:
        filled = max(1, filled)
    colour = "yellow" if row.role == "canary" else "green"
    parts = [("█" * filled, colour), ("░" * (cells - filled), "dim"), (f" {row.share:3d} %", "")]
    return Text.assemble(*parts)


def _state(row: RevisionRow) -> Text:
    text = str(row.state)
    if row.silent_seconds > _SILENCE_SECONDS:
        return Text(f"silent {time_words(row.silent_seconds)}", "bold yellow")
    if row.state is ChildState.READY:
        text = f"{text}, {row.role}"
    elif row.state in {ChildState.STARTING, ChildState.DRAINING}:
        text = f"{text} {time_words(row.seconds)}"
    return Text(text, _STATE_STYLE[row.state])


def _in_trouble(row: RevisionRow) -> bool:
    """Whether it died and is not up again."""
    return bool(row.reason) and row.state in {
        ChildState.RESTARTING,
        ChildState.WAITING,
        ChildState.STARTING,
    }


def _trouble(row: RevisionRow) -> Text:
    return Text(f"✗ {row.revision} {row.reason}", "red")


def milliseconds(seconds: float | None) -> str:
    """``4.2 ms``, ``120 ms``, ``1.3 s``, or a dash where nothing was measured."""
    if seconds is None:
        return "-"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    thousandths = seconds * 1000
    return f"{thousandths:.1f} ms" if thousandths < 10 else f"{thousandths:.0f} ms"  # two digits


def event_line(event: Event) -> str:
    """One plain line, for where the output is no terminal."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    mark = "" if event.level == "info" else f"{event.level}: "
    return f"{clock} {mark}{event.text}"


def _event(event: Event) -> Text:
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    times = f" ({event.times} times)" if event.times > 1 else ""
    text = Text.assemble((clock + "  ", "dim"), (event.text + times, _EVENT_STYLE[event.level]))
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
