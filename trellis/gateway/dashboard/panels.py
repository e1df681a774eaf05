"""A snapshot as the page's panels, rendered once for all viewers."""

import math
import time
from collections.abc import Callable
from typing import Any

from trellis.gateway.dashboard.charts import ChartName, series_names
from trellis.gateway.dashboard.figures import CONFIDENCE_EDGES, Figures, Traffic
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.pages.files import render
from trellis.gateway.pages.words import sentence, title

PANELS = ("now", "traffic", "models", "answers", "experiments", "jobs", "machine")
#: Said where there is nothing to tell.
NONE = "\N{EN DASH}"
NOTHING = Traffic(0.0, None, None, None, None, None)
_UNITS = ("B", "KB", "MB", "GB", "TB")


def render_panels(snapshot: Snapshot, *, can_move: bool, words: str) -> dict[str, str]:
    """Each panel's HTML by its name.

    ``can_move``: whether there is a controller that moves traffic. ``words`` says what is counted.
    """
    figures = snapshot.figures
    values: dict[str, Any] = {
        "snapshot": snapshot,
        "figures": figures,
        "problems": snapshot.problems,
        "can_move": can_move,
        "words": words,
        "nothing": NOTHING,
        "charts": charts_with_data(figures),
        "names": series_names(figures.answers) if figures else {},
        "confidence_edges": CONFIDENCE_EDGES,
        **FORMATS,
    }
    return {name: render(f"dashboard/{name}.html", **values) for name in PANELS}


def charts_with_data(figures: Figures | None) -> frozenset[ChartName]:
    """The charts that have something to show."""
    if figures is None:
        return frozenset()
    shown: dict[ChartName, bool] = {
        "traffic": any(point.value for points in figures.traffic.values() for point in points),
        "latency": any(figures.latency.values()),
        "labels": bool(figures.answers),
        "confidence": any(answers.confidence for answers in figures.answers.values()),
    }
    return frozenset(name for name, has_data in shown.items() if has_data)


def rate(per_second: float) -> str:
    """Requests a second: ``0.25``, ``3.4``, ``120``."""
    if per_second == 0:
        return "0"
    return (
        f"{per_second:.2f}" if per_second < 1 else f"{per_second:,.{1 if per_second < 100 else 0}f}"
    )


def share(part: float | None) -> str:
    """A share as percent; a dash where there is none to tell."""
    if part is None:
        return NONE
    return f"{100 * part:.2f} %" if 0 < part < 0.01 else f"{100 * part:.1f} %"


def duration(seconds: float | None) -> str:
    """Milliseconds up to ten seconds; a dash where there is none to tell."""
    if seconds is None:
        return NONE
    if seconds >= 10:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:.{1 if seconds < 0.1 else 0}f} ms"


def size(count: float) -> str:
    """Bytes as people write them."""
    power = min(int(math.log(max(count, 1), 1024)), len(_UNITS) - 1)
    return f"{count / 1024**power:.{0 if power < 2 else 1}f} {_UNITS[power]}"


def span(seconds: float) -> str:
    """A length of time in words: ``40 seconds``, ``5 minutes``, ``3 hours``."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or (unit == "minute" and seconds >= length):
            count = round(seconds / length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{max(1, round(seconds))} seconds" if round(seconds) > 1 else "second"


def moment(seconds: float | None) -> str:
    """A time since 1970 as UTC, as ``<time>`` takes it."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))


FORMATS: dict[str, Callable[..., str]] = {
    "rate": rate,
    "share": share,
    "duration": duration,
    "size": size,
    "span": span,
    "moment": moment,
    "title": title,
    "sentence": sentence,
}
