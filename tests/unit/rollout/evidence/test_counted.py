import math

import pytest

from tests.unit.rollout.evidence.enumeration import binomials
from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.evidence.counted import NEGLIGIBLE_RESTARTS, CountedEvidence
from trellis.rollout.evidence.ratios import LARGEST, RatioEvidence
from trellis.rollout.evidence.tallies import Stream
from trellis.rollout.looks import Count, SideLook

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=1.5))
NEGLIGIBLE = Guardrail(metric="errors", margin=Margin(ratio=1.5), negligible="1%")
RESTARTS = Guardrail(metric="restarts", margin=Margin(ratio=2))
CONVERSIONS = Guardrail(metric="conversions", margin=Margin(ratio=2), attribution_window="1h")


def after(
    guardrail: Guardrail,
    *looks: tuple[float, float, float, float],
    stream: Stream = "requests",
) -> CountedEvidence:
    evidence = CountedEvidence.start(guardrail)
    for canary_events, canary, stable_events, stable in looks:
        evidence = evidence.add(
            stream,
            SideLook({guardrail.name: Count(canary_events, canary)}),
            SideLook({guardrail.name: Count(stable_events, stable)}),
        )
    return evidence


def test_a_margin_that_is_left_out_is_one_and_a_half() -> None:
    assert CountedEvidence.start(Guardrail(metric="errors")).ratio.margin == 1.5


def test_streams_and_stages_are_multiplied() -> None:
    both = CountedEvidence.start(ERRORS)
    ratio = RatioEvidence(1.5)
    for stream, mine, theirs in (
        ("requests", Count(3, 10), Count(1, 90)),
        ("units", Count(2, 20), Count(1, 20)),
    ):
        both = both.add(
            "units" if stream == "units" else "requests",
            SideLook({"errors": mine}),
            SideLook({"errors": theirs}),
        )
        ratio = ratio.add(mine, theirs)
    assert both.log_harm == pytest.approx(
        math.log(15 / 16 * math.exp(ratio.log_harm) + 1 / 16), rel=1e-9
    )
    message = both.judge(0.05).message
    assert "requests" in message
    assert "visits" in message


@pytest.mark.parametrize(("canary", "stable"), [(0.01, 0.001), (0.3, 0.2), (0.004, 0.0)])
def test_a_canary_that_is_fine_by_either_claim_is_no_harm(canary: float, stable: float) -> None:
    """The share is negligible, or the ratio is within; the mean of harm's e-value is at most 1."""
    mean = sum(
        probability * math.exp(after(NEGLIGIBLE, (mine, 8, theirs, 12)).log_harm)
        for probability, (mine, theirs) in binomials((8, canary), (12, stable))
    )
    assert mean <= 1 + 1e-12


@pytest.mark.parametrize(("canary", "stable"), [(0.01, 0.01 / 1.5), (0.3, 0.1), (0.02, 0.001)])
def test_a_canary_that_fails_both_claims_is_not_within(canary: float, stable: float) -> None:
    mean = sum(
        probability * math.exp(after(NEGLIGIBLE, (mine, 8, theirs, 12)).log_within)
        for probability, (mine, theirs) in binomials((8, canary), (12, stable))
    )
    assert mean <= 1 + 1e-12


def test_without_any_error_a_negligible_share_lets_a_version_pass_and_a_ratio_does_not() -> None:
    clean = (0, 100, 0, 900)
    assert after(NEGLIGIBLE, *[clean] * 8).log_within > math.log(20)
    assert after(ERRORS, *[clean] * 8).log_within == pytest.approx(0.0)


def test_harm_stays_though_later_requests_are_good() -> None:
    harmed = after(ERRORS, (20, 20, 0, 380))
    later = after(ERRORS, (20, 20, 0, 380), *[(0, 20, 5, 380)] * 40)
    assert later.log_harm < math.log(20) < harmed.peak
    assert later.peak == pytest.approx(harmed.peak)


def test_pods_that_do_not_restart_pass_after_some_minutes() -> None:
    quiet = [after(RESTARTS, *[(0, 5, 0, 50)] * looks) for looks in (12, 240)]
    assert quiet[0].log_within < math.log(20) < quiet[1].log_within
    assert pytest.approx(10) == NEGLIGIBLE_RESTARTS * 240 * 5


def test_a_pod_that_dies_again_and_again_is_harm_though_it_never_ran() -> None:
    assert after(RESTARTS, *[(1, 0, 0, 20)] * 6).log_harm > math.log(40)


def test_fewer_conversions_are_harm_and_the_ratio_is_the_canarys() -> None:
    worse = after(CONVERSIONS, *[(2, 100, 20, 100)] * 5)
    assert worse.log_harm > math.log(40)
    verdict = worse.judge(0.05)
    assert verdict.margin == 0.5
    assert verdict.estimate == pytest.approx(0.1, rel=0.1)
    assert verdict.interval is not None
    assert verdict.interval[0] < 0.1 < verdict.interval[1] < 0.5
    better = after(CONVERSIONS, *[(20, 100, 2, 100)] * 5)
    assert better.log_within > math.log(20)
    assert better.log_harm < 0


def test_an_open_side_of_conversions_is_turned_as_well() -> None:
    verdict = after(CONVERSIONS, *[(30, 100, 0, 100)] * 5).judge(0.05)
    assert verdict.estimate == LARGEST
    assert verdict.interval is not None
    assert verdict.interval[1] == LARGEST


def test_the_words_have_the_numbers() -> None:
    evidence = after(NEGLIGIBLE, (12, 340, 9, 6800))
    assert evidence.judge(0.05).message == (
        "errors: canary 12 of 340 requests (3.5 %), stable 9 of 6,800 requests (0.13 %); "
        "ratio 26.7, interval 6.17 to 128, margin 1.5 (or 1 % of the canary's)"
    )
    restarts = after(RESTARTS, (1, 30, 0, 100)).judge(0.05).message
    assert "canary 1 in 30 s, stable 0 in 100 s" in restarts


@pytest.mark.parametrize(
    ("look", "field"),
    [((3, 2, 0, 1), r"canary\.counts\.errors\.events"), ((0, 1, 0, -1), r"stable.*total")],
)
def test_what_cannot_be_is_named(look: tuple[float, float, float, float], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        after(ERRORS, look)


def test_a_canary_that_errs_with_nothing_to_compare_is_harm_and_never_within() -> None:
    """All of stable's answers came from the cache: in no look was it at risk."""
    fine = after(ERRORS, *[(0, 20, 0, 0)] * 50, stream="units")
    errs = after(ERRORS, *[(12, 20, 0, 0)] * 10, stream="units")
    needed = math.log(20)
    assert errs.log_harm > needed
    assert fine.log_harm < needed
    assert max(fine.log_within, errs.log_within) <= 0
    for evidence in (fine, errs):
        assert evidence.judge(0.05).canary.total == 0
    assert "the canary alone" in errs.judge(0.05).message
    again = CountedEvidence.from_state(ERRORS, errs.to_state())
    assert again.log_harm == pytest.approx(errs.log_harm)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05])
def test_the_mean_over_canaries_alone_is_at_most_one(share: float) -> None:
    mean = sum(
        probability * math.exp(after(ERRORS, (mine, 12, 0, 0), stream="units").log_harm)
        for probability, (mine, _) in binomials((12, share), (1, 0.0))
    )
    assert mean <= 1 + 1e-12


def test_requests_of_one_side_alone_say_nothing() -> None:
    nothing = CountedEvidence.start(ERRORS)
    for look in ((12, 20, 0, 0), (0, 0, 12, 20)):
        assert after(ERRORS, *[look] * 10).to_state() == nothing.to_state()
