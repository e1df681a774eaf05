import math

import pytest

from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.cli.words import amount, meter, moment, wait

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=1.5))
SLOW = Guardrail(metric="latency", over="250ms", limit="1%")
MEAN = Guardrail(metric="meanLatency", margin=Margin(absolute="20ms"))
SCORES = Guardrail(metric="scores", margin=Margin(absolute="0.05"), attribution_window="1d")


@pytest.mark.parametrize(
    ("guardrail", "value", "said"),
    [
        (ERRORS, 1.412, "1.41x"),
        (SLOW, 0.0123, "1.2 %"),
        (MEAN, 0.02, "0.02 s"),
        (SCORES, -0.05, "-0.05"),
        (None, 2.0, "2"),
    ],
)
def test_an_amount_has_its_unit(guardrail: Guardrail | None, value: float, said: str) -> None:
    assert amount(guardrail, value) == said


@pytest.mark.parametrize(
    ("log_e", "filled"), [(-3.0, 0), (0.0, 0), (1.5, 5), (3.0, 10), (99.0, 10)]
)
def test_a_meter_fills_towards_what_is_needed(log_e: float, filled: int) -> None:
    assert meter(log_e, 3.0) == "█" * filled + "░" * (10 - filled)


def test_a_meter_without_a_need_is_empty() -> None:
    assert meter(1.0, 0.0) == "░" * 10


def test_times() -> None:
    assert moment(1_000_000_000.0) == "2001-09-09 01:46:40"
    assert wait(90) == "1m30s"
    assert wait(math.inf) == "never"
