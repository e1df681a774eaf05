import math
from xml.etree import ElementTree as ET

import pytest

from trellis.rollout.planning.outlook import Outlook, Wait, WeightOutlook
from trellis.rollout.planning.picture import render_svg, ticks_around
from trellis.rollout.planning.rates import Rates

OUTLOOK = Outlook(
    requests_per_second=20,
    alpha=0.05,
    regressions={"errors": Rates(0.05, 0.01)},
    weights=(
        WeightOutlook("errors", 5, Wait(400, 600), Wait(5000, 7200)),
        WeightOutlook("errors", 50, Wait(900, 1500), Wait(math.inf, math.inf)),
    ),
    unplanned=("restarts",),
)


def test_the_picture_is_an_svg_without_scripts_that_names_its_lines() -> None:
    drawn = render_svg(OUTLOOK)
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(drawn).iter()}
    assert "script" not in tags
    assert b"errors: the regression is rolled back" in drawn
    assert b"20 requests a second" in drawn


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([5, 50], [1, 10, 100]),
        ([10, 100], [10, 100]),
        ([0.5, 5], [1, 10]),
        ([500, 5000], [100, 1000]),
        ([], [1, 10]),
    ],
    ids=["around", "on ticks", "below all", "above all", "nothing drawn"],
)
def test_ticks_stand_around_what_is_drawn(values: list[float], ticks: list[float]) -> None:
    assert ticks_around(values, (1, 10, 100, 1000)) == ticks
