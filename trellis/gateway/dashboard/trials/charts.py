"""Intervals and e-values over time, drawn by pygal as SVG."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import RolloutView, TracePoint
from trellis.gateway.dashboard.chart_style import Drawn, Look, chart_options, finished
from trellis.gateway.dashboard.trials.moments import Axis, axis_of
from trellis.gateway.dashboard.trials.scales import Kind, Scale, kind_of, scale_of
from trellis.gateway.dashboard.trials.words import e_value
from trellis.gateway.errors import NotFound

#: Moments that are too few to make a line.
FEW_MOMENTS = 3
#: Powers of ten of e-values that are told apart: below, there is as good as no evidence.
LEAST_POWER = -2
#: The colour of whatever is a bound rather than a finding, by its place in the palette.
_BOUND = 1
#: A band lets lines be seen behind it; its sign in the legend is as bright as theirs.
_BANDS = "inline:.line.reactive{fill-opacity:.16 !important}"
#: Bounds are dashed: told from findings without colour.
_DASHED = {"width": 2, "dasharray": "7, 4"}

Spot = tuple[float, float]


def guardrail_chart(view: RolloutView, name: str, look: Look) -> Drawn:
    """The interval of one guardrail over time, its estimate, and the margin as a line.

    Raises ``NotFound`` where there is nothing of it to draw.
    """
    points = [point for point in view.status.trace if point.name == name]
    known = [point for point in points if point.interval is not None]
    if not known:
        raise NotFound(f"there are no figures of {name[:64]!r} to draw")
    guardrail = next((each for each in view.spec.guardrails if each.name == name), None)
    verdicts = view.status.verdict.guardrails if view.status.verdict else ()
    margin = next((verdict.margin for verdict in verdicts if verdict.name == name), None)
    axis = _axis(points)
    scale = scale_of(kind_of(guardrail), [*_values(known), *([] if margin is None else [margin])])
    chart = _chart(look, axis, scale, [0, 2, _BOUND], few=len(known) <= FEW_MOMENTS)
    chart.add("interval", _band(known, axis, scale), fill=True)
    chart.add("estimate", _line(((p.time, p.estimate) for p in known), axis, scale))
    if margin is not None:
        chart.add("margin", _level(margin, axis, scale), show_dots=False, stroke_style=_DASHED)
    return finished(chart.render_tree(), f"{name} over time")


def evidence_chart(view: RolloutView, look: Look) -> Drawn:
    """The e-values against harm of all guardrails over time, and the boundary from which it is called.

    Raises ``NotFound`` where there is nothing to draw.
    """
    trace = view.status.trace
    if not trace:
        raise NotFound("there are no e-values to draw")
    names = list(dict.fromkeys(point.name for point in trace))
    needed = max(
        (verdict.log_e_needed for verdict in view.status.verdict.guardrails)
        if view.status.verdict
        else (),
        default=0.0,
    )
    powers = {
        name: [(p.time, _power(p.log_e_harm)) for p in trace if p.name == name] for name in names
    }
    highest = max(power for spots in powers.values() for _, power in spots)
    axis = _axis(trace)
    scale = _powers(max(highest, _power(needed) if needed else 0.0))
    palette = [place if place < _BOUND else place + 1 for place in range(len(names))]
    few = len({point.time for point in trace}) <= FEW_MOMENTS
    chart = _chart(look, axis, scale, [*palette, _BOUND], few=few)
    for name in names:
        chart.add(name, _line(powers[name], axis, scale))
    if needed:
        chart.add(
            f"harm is called at {e_value(needed)}",
            _level(_power(needed), axis, scale),
            show_dots=False,
            stroke_style=_DASHED,
        )
    return finished(chart.render_tree(), "e-values over time")


def arms_chart(view: ExperimentView, look: Look) -> Drawn:
    """The intervals of all arms over time. Raises ``NotFound`` where there is nothing to draw."""
    known = [point for point in view.status.trace if point.estimate is not None]
    if not known:
        raise NotFound("there are no intervals to draw")
    kind: Kind = "number" if view.spec.goal.kind == "score" else "share"
    versions = [arm.version for arm in view.spec.arms]
    axis = axis_of([(point.time, None) for point in known])
    ends = [end for point in known for end in point.interval or ()]
    scale = scale_of(kind, [*ends, *(p.estimate for p in known if p.estimate is not None)])
    few = len({point.time for point in known}) <= FEW_MOMENTS
    palette = [place for place in range(len(versions)) for _ in range(2)]
    chart = _chart(look, axis, scale, palette, few=few)
    for version in versions:
        mine = [point for point in known if point.version == version]
        chart.add(None, _band([p for p in mine if p.interval is not None], axis, scale), fill=True)
        chart.add(version, _line(((p.time, p.estimate) for p in mine), axis, scale))
    return finished(chart.render_tree(), "arms over time")


def _axis(points: Iterable[TracePoint]) -> Axis:
    return axis_of([(point.time, point.weight) for point in points])


def _chart(look: Look, axis: Axis, scale: Scale, palette: list[int], *, few: bool) -> Any:
    import pygal

    options = {
        **chart_options(look, palette),
        "include_x_axis": False,
        "show_dots": few,
        "dots_size": 3,
        "zero": scale.low,
        "range": (scale.low, scale.high),
        "xrange": (0, axis.length),
        "show_x_guides": True,
        "css": ("file://style.css", "file://graph.css", _BANDS),
    }
    chart = pygal.XY(**options)
    labels = axis.labels if look.shape == "wide" else axis.labels[:: max(1, len(axis.labels) // 3)]
    chart.x_labels = [{"value": at, "label": words} for at, words in labels]
    chart.y_labels = [
        {"value": scale.place(value), "label": words} for value, words in scale.labels
    ]
    return chart


def _band(points: Sequence[Any], axis: Axis, scale: Scale) -> list[Spot]:
    """Along the upper ends and back along the lower ones."""
    spots = [(point.time - axis.begin, *map(scale.place, point.interval)) for point in points]
    upper = [(at, high) for at, _, high in spots]
    return [*upper, *((at, low) for at, low, _ in reversed(spots))]


def _line(values: Iterable[tuple[float, float | None]], axis: Axis, scale: Scale) -> list[Spot]:
    return [(at - axis.begin, scale.place(value)) for at, value in values if value is not None]


def _level(value: float, axis: Axis, scale: Scale) -> list[Spot]:
    return [(0.0, scale.place(value)), (axis.length, scale.place(value))]


def _values(points: Sequence[TracePoint]) -> list[float]:
    ends = [end for point in points for end in point.interval or ()]
    return ends + [point.estimate for point in points if point.estimate is not None]


def _power(log_e: float) -> float:
    return log_e / math.log(10)


def _powers(highest: float) -> Scale:
    high = max(2, math.ceil(highest))
    every = math.ceil((high - LEAST_POWER) / 6)
    labels = tuple(
        (float(power), f"{10.0**power:g}" if abs(power) < 5 else f"10^{power}")
        for power in range(LEAST_POWER, high + 1, every)
    )
    return Scale(lambda value: min(max(value, LEAST_POWER), high), LEAST_POWER, high, labels)
