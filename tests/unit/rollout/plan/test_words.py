import pytest

from trellis.rollout.plan.words import clip, listed, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"),
        (0.4, "0s"),
        (59, "59s"),
        (60, "1m"),
        (190, "3m10s"),
        (7800, "2h10m"),
        (90000, "1d1h"),
        (float("inf"), "never"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_lists() -> None:
    assert [listed(names) for names in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_long_and_broken_text_becomes_one_short_line() -> None:
    assert clip("a\n  b") == "a b"
    assert len(clip("x" * 999)) == 300
