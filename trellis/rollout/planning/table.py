"""An outlook as a table with bars, for the terminal."""

import io
import math
from collections.abc import Sequence

from trellis.rollout.plan.words import span
from trellis.rollout.planning.outlook import Outlook

_BAR = 24


def render_text(outlook: Outlook, width: int = 100) -> str:
    """A table with a bar for each time, on one logarithmic scale; plain text of ``width`` columns."""
    from rich.console import Console
    from rich.table import Table

    rate = outlook.requests_per_second
    times = [
        wait.seconds(rate, row.weight)
        for row in outlook.weights
        for wait in (row.caught, row.passed)
    ]
    scale = _Scale(times)
    table = Table(box=None, pad_edge=False)
    table.add_column("guardrail", no_wrap=True)
    for title in ("weight", "canary requests", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in outlook.weights:
        for what, wait in (("caught", row.caught), ("passes", row.passed)):
            taken = wait.seconds(rate, row.weight)
            table.add_row(
                f"{row.guardrail} {what}",
                f"{row.weight} %",
                _number(wait.most),
                span(taken),
                scale.bar(taken),
            )
    paper = io.StringIO()
    console = Console(file=paper, width=width, color_system=None, highlight=False)
    console.print(table)
    for line in _legend(outlook):
        console.print(line)
    return paper.getvalue()


class _Scale:
    """Bars whose length is the logarithm of a time."""

    def __init__(self, times: Sequence[float]) -> None:
        finite = [time for time in times if math.isfinite(time)]
        self._low = min(finite, default=1.0) / 2
        self._decades = math.log(max(finite, default=1.0) / self._low)

    def bar(self, time: float) -> str:
        if math.isinf(time):
            return "·" * _BAR
        return "█" * max(1, round(_BAR * math.log(time / self._low) / self._decades))


def _legend(outlook: Outlook) -> list[str]:
    lines = [
        f"{name}: stable {_percent(rates.stable)}, the regression {_percent(rates.canary)}"
        for name, rates in outlook.regressions.items()
    ]
    lines.append(
        f"{outlook.requests_per_second:g} requests a second to both together; each figure is reached with a "
        "probability of 80 %."
    )
    if outlook.unplanned:
        lines.append(f"Nothing can be said beforehand of {', '.join(outlook.unplanned)}.")
    return lines


def _number(requests: float) -> str:
    return "never" if math.isinf(requests) else f"{requests:,.0f}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"
