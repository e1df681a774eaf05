"""The page's two pictures."""

from collections.abc import Sequence

import pygal

from tests.bench.rollout.drawn import REQUESTS_PER_SECOND
from tests.bench.rollout.tuned import Cell
from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.planning.outlook import outlook
from trellis.rollout.planning.picture import chart_options, plain_svg, render_svg, ticks_around
from trellis.rollout.planning.proposal import LADDER
from trellis.rollout.planning.rates import Regression

#: The multiple of stable's errors that is drawn.
RATIO = 5


def bad_requests(cells: Sequence[Cell]) -> bytes:
    """Bars by weight and stable's errors, on a logarithmic scale."""
    drawn = [cell for cell in cells if abs(cell.canary / cell.base - RATIO) < 1e-6]
    shown = [value for cell in drawn for value in (cell.trellis, cell.flagger, cell.argo)]
    ticks = ticks_around(shown, (10, 30, 100, 300, 1000, 3000, 10_000, 30_000))
    chart = pygal.Bar(
        **chart_options(series=3),
        width=820,
        zero=ticks[0],
        x_label_rotation=20,
        title=f"Bad canary requests until the rollback, {RATIO} times stable's errors",
        x_title="weight, stable's errors",
        value_formatter=lambda value: f"{value:,.0f}",
    )
    chart.y_labels = ticks
    chart.x_labels = [f"{cell.weight} %, {100 * cell.base:g} %" for cell in drawn]
    chart.add("Trellis", [cell.trellis for cell in drawn])
    chart.add("Flagger", [cell.flagger for cell in drawn])
    chart.add("Argo Rollouts", [cell.argo for cell in drawn])
    return plain_svg(chart)


def hours() -> bytes:
    """``trellis plan``'s picture of a service that errs once in two hundred requests."""
    spec = RolloutSpec(inference_service="bench")
    regression = Regression(ratio=RATIO)
    return render_svg(outlook(spec, {"errors": 0.005}, REQUESTS_PER_SECOND, regression, LADDER))
