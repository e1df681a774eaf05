import re
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from tests.unit.gateway.dashboard.trials.samples import experiment, rollout
from trellis.contracts.rollout_status import RolloutView
from trellis.gateway.dashboard.chart_style import Drawn, Look, Scheme, Shape
from trellis.gateway.dashboard.trials.charts import arms_chart, evidence_chart, guardrail_chart
from trellis.gateway.errors import NotFound

SVG = "{http://www.w3.org/2000/svg}"
LIGHT = Look("light", "wide")


def texts(drawn: Drawn) -> list[str]:
    """All words of a chart."""
    return [node.text or "" for node in ET.fromstring(drawn.svg).iter(SVG + "text")]


def lines(drawn: Drawn) -> list[list[tuple[float, float]]]:
    """The corners of each line, in the order of the series."""
    found = []
    for node in ET.fromstring(drawn.svg).iter(SVG + "path"):
        if "reactive" in node.get("class", ""):
            numbers = [float(each) for each in re.findall(r"-?[0-9.]+", node.get("d", ""))]
            found.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return found


@pytest.mark.parametrize("shape", get_args(Shape))
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_every_chart_is_svg_without_script_or_style_of_an_element(
    scheme: Scheme, shape: Shape
) -> None:
    look = Look(scheme, shape)
    for drawn in (
        guardrail_chart(rollout(), "errors", look),
        evidence_chart(rollout(), look),
        arms_chart(experiment(), look),
    ):
        root = ET.fromstring(drawn.svg)
        assert not list(root.iter(SVG + "script"))
        assert not [
            e for e in root.iter() if any(n.startswith("on") or n == "style" for n in e.attrib)
        ]
        assert "sandbox" in drawn.policy


def test_the_margin_is_a_level_line_between_the_values_it_parts() -> None:
    _, estimate, margin = lines(guardrail_chart(rollout(harm=True), "errors", LIGHT))
    (level,) = {y for _, y in margin}
    # Down the page is less: three times as many errors are above a margin of 1.5.
    assert all(y < level for _, y in estimate)
    _, fine, again = lines(guardrail_chart(rollout(), "errors", LIGHT))
    assert all(y > again[0][1] for _, y in fine)


def test_the_interval_is_a_band_around_its_estimate_that_narrows() -> None:
    band, estimate, _ = lines(guardrail_chart(rollout(), "errors", LIGHT))
    by_time: dict[float, list[float]] = {}
    for x, y in band[1:-1]:  # both ends are where the band is closed
        by_time.setdefault(x, []).append(y)
    for x, y in estimate:
        assert min(by_time[x]) <= y <= max(by_time[x])
    widths = [max(by_time[x]) - min(by_time[x]) for x in sorted(by_time)]
    assert widths[-1] < widths[0] / 3


@pytest.mark.parametrize(
    ("name", "label"),
    [("errors", "4×"), ("latency>250ms", "1 %")],  # noqa: RUF001 - the sign of the page
)
def test_each_guardrail_has_the_units_of_its_margin(name: str, label: str) -> None:
    assert label in texts(guardrail_chart(rollout(), name, LIGHT))


def test_where_a_weight_began_stands_on_the_axis() -> None:
    words = texts(guardrail_chart(rollout(), "errors", LIGHT))
    assert [word for word in words if "·" in word] == [
        "08:00 · 5 %",
        "08:20 · 20 %",
        "08:45 · 50 %",
    ]


def test_harm_is_above_the_boundary_and_its_absence_below() -> None:
    *harmed, boundary = lines(evidence_chart(rollout(harm=True), LIGHT))
    assert harmed[0][-1][1] < boundary[0][1]
    *fine, boundary = lines(evidence_chart(rollout(), LIGHT))
    assert all(y > boundary[0][1] for line in fine for _, y in line)


def test_each_arm_is_drawn_with_its_band() -> None:
    drawn = arms_chart(experiment(), LIGHT)
    assert len(lines(drawn)) == 4
    assert {"v1", "v2"} <= set(texts(drawn))


@pytest.mark.parametrize("minutes", [1, 2])
def test_a_moment_alone_is_drawn_as_a_dot(minutes: int) -> None:
    drawn = guardrail_chart(rollout(minutes=minutes), "errors", LIGHT)
    assert len(list(ET.fromstring(drawn.svg).iter(SVG + "circle"))) >= minutes


def test_names_cannot_break_out_of_a_chart() -> None:
    bad = "<script>alert(1)</script>"
    view = rollout()
    trace = tuple(point.model_copy(update={"name": bad}) for point in view.status.trace)
    status = view.status.model_copy(update={"trace": trace})
    drawn = evidence_chart(RolloutView(name="r", spec=view.spec, status=status), LIGHT)
    assert b"<script" not in drawn.svg
    assert b"&lt;script&gt;" in drawn.svg


def test_what_has_no_figures_is_not_drawn() -> None:
    with pytest.raises(NotFound, match="meanLatency"):
        guardrail_chart(rollout(), "meanLatency", LIGHT)
    with pytest.raises(NotFound):
        evidence_chart(rollout(trace=()), LIGHT)
    with pytest.raises(NotFound):
        arms_chart(experiment(trace=()), LIGHT)
