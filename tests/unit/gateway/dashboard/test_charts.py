import base64
import hashlib
import re
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from tests.unit.gateway.dashboard.windows import EMPTY, V1, V2, window
from trellis.gateway.dashboard.chart_style import Look, Scheme, Shape
from trellis.gateway.dashboard.charts import MOST_SERIES, ChartName, draw, series_names
from trellis.gateway.dashboard.figures import figures_of
from trellis.gateway.dashboard.window import Point

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("scheme", get_args(Scheme))
@pytest.mark.parametrize("name", get_args(ChartName))
async def test_a_chart_is_svg_without_script_and_its_policy_allows_its_style_alone(
    name: ChartName, scheme: Scheme
) -> None:
    drawn = await draw(name, figures_of(window()), Look(scheme, "wide"))
    root = ET.fromstring(drawn.svg)
    assert root.tag == SVG + "svg"
    assert not list(root.iter(SVG + "script"))
    assert not [e for e in root.iter() if any(n.startswith("on") or n == "style" for n in e.attrib)]
    assert b"http" not in drawn.svg.replace(b"http://www.w3.org/", b"")
    (sheet,) = root.iter(SVG + "style")
    digest = base64.b64encode(hashlib.sha256((sheet.text or "").encode()).digest()).decode()
    assert drawn.policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; sandbox"
    )


@pytest.mark.parametrize("name", get_args(ChartName))
async def test_a_chart_without_data_says_so(name: ChartName) -> None:
    drawn = await draw(name, figures_of(EMPTY), Look("light", "narrow"))
    assert b"No requests yet" in drawn.svg


async def test_labels_are_readable_and_cannot_break_out() -> None:
    increases = {
        "trellis_predictions_total": {(*V1, "<script>alert(1)</script>_&_"): 3.0},
    }
    drawn = await draw("labels", figures_of(window(increases=increases)), Look("light", "wide"))
    assert b"<script" not in drawn.svg
    assert b"&lt;script&gt;" in drawn.svg


async def test_only_the_busiest_lines_are_drawn() -> None:
    traffic = {
        ("leaf", f"v{place}", f"leaf-{place}"): (Point(1000.0, float(place)),)
        for place in range(1, 21)
    }
    drawn = await draw("traffic", figures_of(window(traffic=traffic)), Look("light", "wide"))
    named = [place for place in range(1, 21) if f">leaf v{place}<".encode() in drawn.svg]
    assert named == list(range(21 - MOST_SERIES, 21))


def test_a_series_is_named_by_its_version_unless_two_revisions_share_it() -> None:
    again = ("leaf", "v1", "leaf-3")
    assert series_names([V1, V2]) == {V1: "leaf v1", V2: "leaf v2"}
    assert series_names([V1, again]) == {V1: "leaf v1 (leaf-1)", again: "leaf v1 (leaf-3)"}


async def test_a_version_keeps_its_colour_from_chart_to_chart() -> None:
    third = ("leaf", "v3", "leaf-3")
    traffic = {who: (Point(1000.0, 1.0),) for who in (V1, V2, third)}
    latency = {V2: (Point(1000.0, 0.1),)}
    figures = figures_of(window(traffic=traffic, latency=latency))
    look = Look("light", "wide")
    first, second = "#2d6a4f", "#b4540a"
    assert first in (await draw("traffic", figures, look)).svg.decode()
    of_one = (await draw("latency", figures, look)).svg.decode()
    assert second in of_one
    assert first not in of_one


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize(("shape", "height"), [("wide", 270), ("narrow", 300)])
async def test_the_whole_legend_is_inside(count: int, shape: Shape, height: int) -> None:
    traffic = {
        ("leaf", f"v{place}", f"leaf-{place}"): (Point(1000.0, 1.0),) for place in range(count)
    }
    drawn = await draw("traffic", figures_of(window(traffic=traffic)), Look("light", shape))
    root = ET.fromstring(drawn.svg)
    (legends,) = (group for group in root.iter(SVG + "g") if group.get("class") == "legends")
    moved = re.findall(r"[0-9.]+", legends.get("transform", ""))
    lowest = max(float(text.get("y", 0)) for text in legends.iter(SVG + "text"))
    assert float(moved[-1]) + lowest < height - 4
