import math

import pytest

from tests.unit.rollout.evidence.enumeration import binomials
from trellis.rollout.evidence.shares import ShareEvidence
from trellis.rollout.looks import Count


def after(limit: float, *looks: tuple[int, int]) -> ShareEvidence:
    evidence = ShareEvidence(limit)
    for events, total in looks:
        evidence = evidence.add(Count(events, total))
    return evidence


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.3])
def test_an_e_value_has_the_mean_one_at_the_limit(limit: float) -> None:
    harm = within = 0.0
    for probability, (first, second) in binomials((9, limit), (14, limit)):
        evidence = after(limit, (first, 9), (second, 14))
        harm += probability * math.exp(evidence.log_harm)
        within += probability * math.exp(evidence.log_within)
    assert harm == pytest.approx(1.0, rel=1e-9)
    assert within == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("first", "second"), [(0.002, 0.01), (0.01, 0.0), (0.005, 0.005)])
def test_a_share_that_changes_below_the_limit_is_no_harm(first: float, second: float) -> None:
    mean = sum(
        probability * math.exp(after(0.01, (early, 10), (late, 12)).log_harm)
        for probability, (early, late) in binomials((10, first), (12, second))
    )
    assert mean < 1


def test_requests_without_an_event_soon_show_less_than_the_limit() -> None:
    clean = [after(0.001, (0, total)).log_within for total in (1000, 3000, 6000)]
    assert clean == sorted(clean)
    assert clean[0] < math.log(20) < clean[2]


def test_events_show_more_than_the_limit_and_late_ones_soon() -> None:
    assert after(0.01, (9, 60)).log_harm > math.log(40)
    late = after(0.01, *[(0, 100)] * 200, (12, 100), (12, 100))
    assert late.renewal.number > 0
    assert late.log_harm > math.log(40)


def test_state_goes_round() -> None:
    evidence = after(0.01, *[(0, 100)] * 50, (3, 40))
    again = ShareEvidence(0.01).restored(evidence.to_state())
    assert again == evidence
    assert again.log_harm == evidence.log_harm


@pytest.mark.parametrize("limit", [0.0, 0.99, 1.0])
def test_a_limit_that_bounds_nothing_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="share"):
        after(limit, (1, 2))
