import math

from trellis.rollout.planning.outlook import Outlook, Wait, WeightOutlook
from trellis.rollout.planning.rates import Rates
from trellis.rollout.planning.table import render_text

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


def test_the_table_tells_requests_and_times_with_longer_bars_for_longer_times() -> None:
    lines = render_text(OUTLOOK).splitlines()
    assert [line.split() for line in lines[1:5]] == [
        ["errors", "caught", "5", "%", "600", "10m", "█" * lines[1].count("█")],
        ["errors", "passes", "5", "%", "7,200", "2h", "█" * lines[2].count("█")],
        ["errors", "caught", "50", "%", "1,500", "2m30s", "█" * lines[3].count("█")],
        ["errors", "passes", "50", "%", "never", "never", "·" * 24],
    ]
    assert lines[3].count("█") < lines[1].count("█") < lines[2].count("█") == 24
    assert "stable 1 %, the regression 5 %" in lines[5]
    assert "Nothing can be said beforehand of restarts." in lines[-1]


def test_no_line_is_wider_than_asked_for() -> None:
    assert max(len(line) for line in render_text(OUTLOOK, width=80).splitlines()) <= 80
