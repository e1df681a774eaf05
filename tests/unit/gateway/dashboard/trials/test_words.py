import math

import pytest

from trellis.contracts.rollout_status import Tally
from trellis.gateway.dashboard.trials.words import (
    NONE,
    TIMES,
    after,
    e_value,
    ended,
    interval,
    percent,
    spelled,
    tally,
    written,
)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (written("ratio", 1.5), f"1.5{TIMES}"),
        (written("share", 0.0123), "1.2 %"),
        (written("seconds", 0.02), "20 ms"),
        (written("seconds", -0.02), "-20 ms"),
        (written("seconds", 2.5), "2.5 s"),
        (written("number", 0.05), "0.05"),
        (written("ratio", None), NONE),
        (written("ratio", math.inf), NONE),
        (interval("ratio", (0.5, 2.0)), f"0.5{TIMES} to 2{TIMES}"),
        (interval("share", None), NONE),
        (percent(0.00013), "0.013 %"),
        (percent(0.634), "63.4 %"),
        (percent(1.0), "100 %"),
        (percent(0.0), "0 %"),
        (percent(None), NONE),
        (e_value(0.0), "1"),
        (e_value(math.log(59.9)), "60"),
        (e_value(-700.0), "9.9e-305"),
        (e_value(1e6), "10^434294"),
        (tally(Tally(events=12, total=3400)), "12 of 3,400 (0.35 %)"),
        (tally(Tally()), NONE),
        (after(None), ""),
        (after(40), "40 s"),
        (after(1500), "25 min"),
        (after(3 * 3600), "3 h"),
        (after(5 * 86400), "5 days"),
        (spelled("rolledBack"), "Rolled back"),
        (spelled("WaitingFor"), "Waiting for"),
        (spelled("insufficient evidence"), "Insufficient evidence"),
        (ended("v2 waits"), "v2 waits."),
        (ended("v2 waits."), "v2 waits."),
        (ended(""), ""),
    ],
)
def test_numbers_are_written_for_people(shown: str, wanted: str) -> None:
    assert shown == wanted
