import math

import pytest

from trellis.contracts.rollout import Guardrail
from trellis.rollout.evidence.limited import LimitEvidence
from trellis.rollout.looks import Count, SideLook

LATENCY = Guardrail(metric="latency", over="250ms", limit="1%")


def after(*looks: tuple[float, float]) -> LimitEvidence:
    evidence = LimitEvidence.start(LATENCY)
    for events, total in looks:
        evidence = evidence.add(
            "requests",
            SideLook({LATENCY.name: Count(events, total)}),
            SideLook({LATENCY.name: Count(90, 100)}),
        )
    return evidence


def test_the_canary_is_measured_by_the_limit_whatever_stable_does() -> None:
    slow, fast = after(*[(5, 50)] * 4).judge(0.05), after(*[(0, 50)] * 20).judge(0.05)
    assert slow.log_e_harm > math.log(40)
    assert fast.log_e_within > math.log(20)
    assert slow.estimate == 0.1
    assert slow.interval is not None
    assert slow.interval[0] > 0.01
    assert slow.margin == 0.01


def test_harm_stays() -> None:
    harmed = after((30, 50))
    assert after((30, 50), *[(0, 100)] * 200).peak == harmed.peak > math.log(40)


def test_the_words_have_the_numbers() -> None:
    assert after((5, 50)).judge(0.05).message == (
        "latency>250ms: canary 5 of 50 requests (10 %), stable 90 of 100 (90 %); "
        "interval 1.6 % to 29 %; limit 1 %"
    )
    assert LimitEvidence.start(LATENCY).judge(0.05).interval is None


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"canary\.counts\.latency>250ms\.events"):
        after((3, 2))
    with pytest.raises(ValueError, match="no limit"):
        LimitEvidence.start(Guardrail(metric="latency", over="250ms"))
