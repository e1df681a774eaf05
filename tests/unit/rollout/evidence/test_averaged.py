import math

import numpy as np
import pytest

from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.evidence.averaged import MeanEvidence, MeanMargin
from trellis.rollout.looks import Moments, SideLook

BY_TIME = Guardrail(metric="meanLatency", margin=Margin(absolute="20ms"))
BY_RATIO = Guardrail(metric="meanLatency")
SCORES = Guardrail(metric="scores", margin=Margin(absolute="0.2"), attribution_window="1h")
SCORE_RATIO = Guardrail(metric="scores", margin=Margin(ratio=1.25), attribution_window="1h")


def after(guardrail: Guardrail, canary: float, stable: float, looks: int = 150) -> MeanEvidence:
    random = np.random.default_rng(1)
    evidence = MeanEvidence.start(guardrail)
    for _ in range(looks):
        sides = []
        for mean, number in ((canary, 10), (stable, 40)):
            values = mean * random.gamma(4, 0.25, number)
            sides.append(
                SideLook(
                    moments={
                        guardrail.name: Moments(
                            number, float(values.sum()), float((values**2).sum())
                        )
                    }
                )
            )
        evidence = evidence.add("requests", *sides)
    return evidence


@pytest.mark.parametrize(
    ("guardrail", "ratio", "difference"),
    [(BY_TIME, None, 0.02), (BY_RATIO, 1.5, 0.0), (SCORES, None, 0.2), (SCORE_RATIO, 1.25, 0.0)],
    ids=["time", "left out", "score", "score's ratio"],
)
def test_margins_in_the_metrics_own_unit(
    guardrail: Guardrail, ratio: float | None, difference: float
) -> None:
    assert MeanMargin.of(guardrail) == MeanMargin(ratio, difference)


@pytest.mark.parametrize(
    ("guardrail", "bad", "good", "stable"),
    [
        (BY_TIME, 0.15, 0.1, 0.1),
        (BY_RATIO, 0.2, 0.11, 0.1),
        (SCORES, 3.0, 4.0, 4.0),
        (SCORE_RATIO, 2.5, 4.2, 4.0),
    ],
    ids=["time", "ratio", "score", "score's ratio"],
)
def test_worse_is_harm_and_as_good_is_within(
    guardrail: Guardrail, bad: float, good: float, stable: float
) -> None:
    harmed, fine = after(guardrail, bad, stable), after(guardrail, good, stable)
    assert harmed.peak > math.log(40)
    assert harmed.log_e(worse=False) < 0
    assert fine.log_e(worse=False) > math.log(20)
    assert fine.peak < math.log(20)


@pytest.mark.parametrize(
    ("canary", "harm", "within"),
    [(-4.0, False, True), (-3.0, False, True), (-6.5, True, False)],
    ids=["as good", "better", "worse"],
)
def test_a_ratio_of_scores_below_zero_is_a_part_of_their_size(
    canary: float, harm: bool, within: bool
) -> None:
    """A part of -4 is less than it all: held against 0.8 times it, an equal version was harm."""
    evidence = after(SCORE_RATIO, canary, -4.0)
    assert (evidence.peak > math.log(40)) == harm
    assert (evidence.log_e(worse=False) > math.log(20)) == within


def test_the_verdict_shows_what_the_margin_speaks_of() -> None:
    difference, ratio = (
        after(BY_TIME, 0.12, 0.1).judge(0.05),
        after(BY_RATIO, 0.12, 0.1).judge(0.05),
    )
    assert difference.estimate == pytest.approx(0.02, abs=0.005)
    assert difference.margin == pytest.approx(0.02)
    assert ratio.estimate == pytest.approx(1.2, abs=0.05)
    assert ratio.margin == 1.5
    assert ratio.interval is not None
    assert ratio.interval[0] < 1.2 < ratio.interval[1]
    assert "difference 0.0" in difference.message
    assert "margin 0.02 s" in difference.message
    assert "ratio 1.2" in ratio.message


def test_more_is_better_in_scores() -> None:
    verdict = after(SCORES, 3.0, 4.0).judge(0.05)
    assert verdict.margin == -0.2
    assert verdict.estimate == pytest.approx(-1, abs=0.2)
    assert after(SCORE_RATIO, 3.0, 4.0).judge(0.05).margin == pytest.approx(0.8)


def test_too_few_values_say_so() -> None:
    verdict = after(BY_TIME, 0.5, 0.1, looks=1).judge(0.05)
    assert verdict.log_e_harm == 0.0
    assert verdict.interval is None
    assert "too few values yet" in verdict.message
    assert "no value" in MeanEvidence.start(BY_TIME).judge(0.05).message


def test_what_cannot_be_is_named() -> None:
    side = SideLook(moments={"meanLatency": Moments(2, -1, 1)})
    with pytest.raises(ValueError, match=r"stable\.moments\.meanLatency\.total"):
        MeanEvidence.start(BY_TIME).add("requests", SideLook(), side)
