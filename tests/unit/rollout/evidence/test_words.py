import math

import pytest

from trellis.rollout.evidence import words
from trellis.rollout.looks import Count


@pytest.mark.parametrize(
    ("log_e", "text"),
    [
        (0.0, "1"),
        (math.log(40), "40"),
        (math.log(0.0123), "0.012"),
        (math.log(4.1e6), "4.1e6"),
        (5000.0, "3.0e2171"),
    ],
)
def test_e_values_of_any_size(log_e: float, text: str) -> None:
    assert words.e_value(log_e) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (Count(12, 340), "12 of 340 requests (3.5 %)"),
        (Count(9, 6800), "9 of 6,800 requests (0.13 %)"),
        (Count(0, 0), "none of 0 requests"),
    ],
)
def test_shares(count: Count, text: str) -> None:
    assert words.share(count, "requests") == text
