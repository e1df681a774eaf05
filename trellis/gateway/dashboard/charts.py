"""The dashboard's charts, drawn by pygal as SVG: no script, nothing fetched, fit for ``<img>``."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from trellis.gateway.dashboard.chart_style import Drawn, Look, chart_options, finished
from trellis.gateway.dashboard.figures import CONFIDENCE_EDGES, Figures
from trellis.gateway.dashboard.window import Point, Who

ChartName = Literal["traffic", "latency", "labels", "confidence"]

#: More series than these cannot be told apart by colour; the rest stand in the tables only.
MOST_SERIES = 8
#: The most points of one line.
MOST_POINTS = 120
#: Labels in the chart, the most frequent first; the table has more.
MOST_LABELS = 8
#: Points of a line that are too few to make one.
FEW_POINTS = 3


async def draw(name: ChartName, figures: Figures, look: Look) -> Drawn:
    """Draw one chart, off the event loop."""
    return await asyncio.to_thread(_draw, name, figures, look)


def series_names(whos: Iterable[Who]) -> dict[Who, str]:
    """How each revision is called in a chart: short where that is clear."""
    chosen = list(whos)
    versions = [who[:2] for who in chosen]
    return {
        who: f"{who[0]} {who[1]}" + (f" ({who[2]})" if versions.count(who[:2]) > 1 else "")
        for who in chosen
    }


def _draw(name: ChartName, figures: Figures, look: Look) -> Drawn:
    drawers: dict[ChartName, Callable[[Figures, Look], Any]] = {
        "traffic": _traffic,
        "latency": _latency,
        "labels": _labels,
        "confidence": _confidence,
    }
    return finished(drawers[name](figures, look).render_tree(), f"{name} by version")


def _options(figures: Figures, look: Look, whos: list[Who]) -> dict[str, Any]:
    """A revision keeps its colour from chart to chart."""
    everybody = sorted({*figures.versions, *figures.traffic, *figures.latency})
    return chart_options(look, [everybody.index(who) for who in whos])


def _traffic(figures: Figures, look: Look) -> Any:
    return _lines(figures, look, figures.traffic, lambda y: f"{y:g}", missing=0.0)


def _latency(figures: Figures, look: Look) -> Any:
    milliseconds = {
        who: tuple(Point(point.time, 1000 * point.value) for point in points)
        for who, points in figures.latency.items()
    }
    return _lines(figures, look, milliseconds, lambda y: f"{y:g} ms", missing=None)


def _lines(
    figures: Figures,
    look: Look,
    history: dict[Who, tuple[Point, ...]],
    written: Callable[[float], str],
    missing: float | None,
) -> Any:
    """One line a revision over the times at which any of them has a point."""
    import pygal

    whos = _busiest(history)
    times = sorted({round(point.time, 1) for who in whos for point in history[who]})[-MOST_POINTS:]
    chart = pygal.Line(
        **_options(figures, look, whos),
        show_dots=missing is None or len(times) <= FEW_POINTS,
        dots_size=2,
        show_minor_x_labels=False,
        value_formatter=written,
    )
    chart.x_labels = [time.strftime("%H:%M:%S", time.localtime(at)) for at in times]
    for who, name in series_names(whos).items():
        values = {round(point.time, 1): point.value for point in history[who]}
        chart.add(name, [values.get(at, missing) for at in times])
    return chart


def _busiest(history: dict[Who, tuple[Point, ...]]) -> list[Who]:
    by_sum = sorted(history, key=lambda who: -sum(point.value for point in history[who]))
    return sorted(by_sum[:MOST_SERIES])


def _labels(figures: Figures, look: Look) -> Any:
    import pygal

    whos = _most_rows(figures)
    totals: dict[str, float] = {}
    for who in whos:
        for label, share in figures.answers[who].labels:
            totals[label] = totals.get(label, 0.0) + share
    shown = sorted(totals, key=lambda label: -totals[label])[:MOST_LABELS]
    chart = pygal.HorizontalBar(
        **_options(figures, look, whos), value_formatter=lambda x: f"{x:.0f} %"
    )
    chart.x_labels = [_readable(label) for label in reversed(shown)]
    for who, name in series_names(whos).items():
        share_of = dict(figures.answers[who].labels)
        chart.add(name, [100 * share_of.get(label, 0.0) for label in reversed(shown)])
    return chart


def _confidence(figures: Figures, look: Look) -> Any:
    import pygal

    whos = [who for who in _most_rows(figures) if figures.answers[who].confidence is not None]
    chart = pygal.Bar(**_options(figures, look, whos), value_formatter=lambda y: f"{y:.0f} %")
    chart.x_labels = [f"{100 * edge:.0f}" for edge in CONFIDENCE_EDGES[1:]]
    chart.x_title = "confidence of the answer, up to %"
    for who, name in series_names(whos).items():
        chart.add(name, [100 * share for share in figures.answers[who].confidence or ()])
    return chart


def _most_rows(figures: Figures) -> list[Who]:
    by_rows = sorted(figures.answers, key=lambda who: -figures.answers[who].rows)
    return sorted(by_rows[:MOST_SERIES])


def _readable(label: str) -> str:
    words = " ".join(label.replace("_", " ").split())
    return words if len(words) <= 26 else words[:25] + "…"
