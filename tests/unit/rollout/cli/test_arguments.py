import argparse

import pytest

from trellis.rollout.cli.arguments import share_argument, span_argument


def test_shares_and_spans() -> None:
    assert share_argument("0.5%") == 0.005
    assert span_argument("1h30m") == 5400


@pytest.mark.parametrize("text", ["0.5", "101%", "half"])
def test_what_is_no_share_is_misuse(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        share_argument(text)


@pytest.mark.parametrize("text", ["5", "0s", "soon"])
def test_what_is_no_span_is_misuse(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        span_argument(text)
