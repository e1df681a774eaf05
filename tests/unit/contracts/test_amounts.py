"""Spans and shares as people write them."""

import re

import pytest

from trellis.contracts.amounts import DURATION_PATTERN, duration, seconds, share


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (60.0, "60s"),
        (0.25, "0.25s"),
        (31_536_000.0, "31536000s"),
        (1e-9, "0.001s"),
        (1.5e-3, "0.002s"),
    ],
)
def test_a_span_in_seconds_is_a_duration(span: float, text: str) -> None:
    assert duration(span) == text
    assert re.fullmatch(DURATION_PATTERN, text)
    assert seconds(text) == pytest.approx(max(span, 0.001), abs=0.0005)


@pytest.mark.parametrize(("text", "span"), [("1h30m", 5400.0), ("250ms", 0.25), ("2d", 172800.0)])
def test_a_duration_has_its_seconds(text: str, span: float) -> None:
    assert seconds(text) == span


def test_what_has_no_unit_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="'90' is no duration"):
        seconds("90")
    with pytest.raises(ValueError, match="'5' is no share"):
        share("5")
    with pytest.raises(ValueError, match="over 100%"):
        share("101%")
