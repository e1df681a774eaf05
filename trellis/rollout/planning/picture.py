"""An outlook as a picture."""

import math
from collections.abc import Iterable
from typing import Any

from trellis.rollout.plan.words import span
from trellis.rollout.planning.outlook import Outlook

_TICKS = (1, 10, 60, 600, 3600, 36_000, 86_400, 864_000, 8_640_000)


def render_svg(outlook: Outlook) -> bytes:
    """Time, on a logarithmic scale, by weight; a line for each guardrail and finding."""
    import pygal

    chart = pygal.Line(
        **chart_options(series=2),
        width=720,
        x_title="weight of the canary, percent",
        title=f"Time until evidence, at {outlook.requests_per_second:g} requests a second",
        value_formatter=span,
    )
    weights = sorted({row.weight for row in outlook.weights})
    chart.x_labels = [str(weight) for weight in weights]
    drawn: list[float | None] = []
    for guardrail in outlook.regressions:
        rows = {row.weight: row for row in outlook.weights if row.guardrail == guardrail}
        caught = [_drawable(outlook, weight, rows[weight].caught.most) for weight in weights]
        passed = [_drawable(outlook, weight, rows[weight].passed.most) for weight in weights]
        chart.add(f"{guardrail}: the regression is rolled back", caught)
        chart.add(f"{guardrail}: a version like stable passes", passed)
        drawn += caught + passed
    chart.y_labels = [
        {"label": span(tick), "value": tick}
        for tick in ticks_around((time for time in drawn if time is not None), _TICKS)
    ]
    return plain_svg(chart)


def ticks_around(values: Iterable[float], ticks: Iterable[float]) -> list[float]:
    """The ticks between the values, and the nearest one on either side of them."""
    chosen, ordered = sorted(values), sorted(ticks)
    if not chosen:
        return ordered[:2]
    below = [tick for tick in ordered if tick <= chosen[0]][-1:]
    above = [tick for tick in ordered if tick >= chosen[-1]][:1]
    between = [tick for tick in ordered if chosen[0] < tick < chosen[-1]]
    return [*below, *between, *above]


def chart_options(series: int) -> dict[str, Any]:
    """How pictures of the evidence look; amounts stand on a logarithmic scale.

    ``series`` is how many stand beside each other in the legend, a divisor of all.
    """
    from pygal.style import Style

    return {
        "style": Style(
            background="white",
            plot_background="white",
            guide_stroke_color="#ccc",
            major_guide_stroke_color="#ccc",
            font_family="system-ui, sans-serif",
            colors=("#2d6a4f", "#b4540a", "#0b64a0", "#a8477f"),
            stroke_width=2,
        ),
        "height": 420,
        "logarithmic": True,
        "js": (),
        "legend_at_bottom": True,
        # pygal leaves no room for a row of the legend that is not full.
        "legend_at_bottom_columns": series,
        "truncate_legend": 60,
    }


def plain_svg(chart: Any) -> bytes:
    """A pygal chart without what only its script would use."""
    from pygal.etree import etree

    root = chart.render_tree()
    for parent in list(root.iter()):
        for child in list(parent):
            # A comment's tag is a function.
            if not isinstance(child.tag, str) or child.tag in {"script", "desc"}:
                parent.remove(child)
    drawn: bytes = etree.tostring(root)
    return drawn


def _drawable(outlook: Outlook, weight: int, requests: float) -> float | None:
    """Seconds; None leaves a gap."""
    if math.isinf(requests):
        return None
    return requests / (outlook.requests_per_second * weight / 100)
