import json
import math
from itertools import pairwise, product

import pytest

from tests.unit.rollout.evidence.enumeration import binomials
from trellis.contracts.rollout import DEFAULT_GUARDRAILS, Guardrail, Margin
from trellis.contracts.rollout_status import GuardrailVerdict
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Count, Look, Moments, SideLook

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=1.5))
LATENCY = Guardrail(metric="latency", over="250ms", limit="1%")
MEAN = Guardrail(metric="meanLatency")
ALL = (
    ERRORS,
    LATENCY,
    MEAN,
    Guardrail(metric="restarts", margin=Margin(ratio=2)),
    Guardrail(metric="conversions", attribution_window="1h"),
    Guardrail(metric="wrongLabels", attribution_window="1h"),
    Guardrail(metric="scores", attribution_window="1h"),
    *(Guardrail(metric="latency", over=f"{at}ms", negligible="0.1%") for at in (10, 50, 100)),
)


def errors(
    canary: tuple[float, float], stable: tuple[float, float], blind: dict[str, str] | None = None
) -> Look:
    return Look(
        "requests",
        SideLook({"errors": Count(*canary)}),
        SideLook({"errors": Count(*stable)}),
        blind or {},
    )


def everything(step: int) -> Look:
    """Some of each guardrail, different from look to look."""
    sides: list[SideLook] = []
    for number in (5.0, 45.0):
        counts = {rail.name: Count(float((step + len(rail.name)) % 3), number) for rail in ALL}
        moments = {
            rail.name: Moments(number, number * (1 + step % 4), number * (1 + step % 4) ** 2 + 1)
            for rail in (MEAN, ALL[6])
        }
        sides.append(SideLook(counts, moments))
    canary, stable = sides
    return Look("requests" if step % 2 else "units", canary, stable)


def after(guardrails: tuple[Guardrail, ...], *looks: Look, alpha: float = 0.05) -> RolloutEvidence:
    evidence = RolloutEvidence.start(guardrails, alpha)
    for look in looks:
        evidence = evidence.look(look)
    return evidence


def only(evidence: RolloutEvidence) -> GuardrailVerdict:
    (verdict,) = evidence.judge()
    return verdict


def test_nothing_seen_is_undecided() -> None:
    assert [verdict.state for verdict in after(ALL).judge()] == ["undecided"] * len(ALL)
    assert [verdict.name for verdict in after(ALL).judge()] == [rail.name for rail in ALL]


def test_harm_needs_more_where_there_are_more_guardrails() -> None:
    assert only(after((ERRORS,))).log_e_needed == pytest.approx(math.log(20))
    assert after(ALL).judge()[0].log_e_needed == pytest.approx(math.log(200))


def test_states_follow_the_evidence() -> None:
    bad, good = errors((10, 20), (1, 380)), errors((10, 1000), (190, 19000))
    assert only(after((ERRORS,), bad)).state == "harm"
    states = [only(after((ERRORS,), *[good] * looks)).state for looks in (1, 30)]
    assert states == ["undecided", "within"]


def test_the_sentence_has_the_numbers() -> None:
    assert only(after((ERRORS,), errors((12, 340), (9, 6800)))).message == (
        "errors: canary 12 of 340 requests (3.5 %), stable 9 of 6,800 requests (0.13 %); "
        "ratio 26.7, interval 6.17 to 128, margin 1.5: harm (e = 1.4e7 of 20 needed)"
    )


def test_blind_is_the_last_look_and_never_health() -> None:
    good = [errors((10, 1000), (190, 19000))] * 30
    blind = errors((0, 0), (0, 0), {"errors": "its metrics stand still"})
    verdict = only(after((ERRORS,), *good, blind))
    assert verdict.state == "blind"
    assert "its metrics stand still" in verdict.message
    assert only(after((ERRORS,), *good, blind, good[0])).state == "within"


def test_harm_is_harm_though_blind_later() -> None:
    blind = errors((0, 0), (0, 0), {"errors": "its metrics stand still"})
    assert only(after((ERRORS,), errors((10, 20), (1, 380)), blind)).state == "harm"


def test_evidence_is_never_changed() -> None:
    before = after((ERRORS,), errors((1, 20), (1, 380)))
    judged, state = before.judge(), before.to_state()
    before.look(errors((10, 20), (1, 380)))
    assert (before.judge(), before.to_state()) == (judged, state)


def test_a_look_without_a_guardrail_leaves_it() -> None:
    evidence = after((ERRORS, LATENCY), errors((1, 20), (1, 380)))
    again = evidence.look(Look("requests", SideLook(), SideLook()))
    assert again.judge() == evidence.judge()


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_harm_is_called_wrongly_at_most_alpha_of_the_time_over_all_paths(rate: float) -> None:
    """All ways that four looks can go at the margin, stopped where harm is called first."""
    guardrail = Guardrail(metric="errors", margin=Margin(ratio=1.25))
    steps = [
        (probability, errors((mine, 2), (theirs, 2)))
        for probability, (mine, theirs) in binomials((2, 1.25 * rate), (2, rate))
    ]
    alpha, wrong = 0.3, 0.0
    alive = [(1.0, RolloutEvidence.start((guardrail,), alpha))]
    for _ in range(4):
        grown = [
            (before * probability, evidence.look(look))
            for (before, evidence), (probability, look) in product(alive, steps)
        ]
        harmed = [path for path in grown if only(path[1]).state == "harm"]
        wrong += math.fsum(probability for probability, _ in harmed)
        alive = [path for path in grown if only(path[1]).state != "harm"]
    assert 0 < wrong <= alpha


def test_state_goes_round_and_what_follows_is_the_same() -> None:
    evidence = after(ALL, *(everything(step) for step in range(60)))
    text = json.dumps(evidence.to_state(), allow_nan=False)
    again = RolloutEvidence.from_state(json.loads(text), ALL, 0.05)
    assert again.judge() == evidence.judge()
    look = everything(61)
    assert again.look(look).to_state() == evidence.look(look).to_state()


def test_ten_guardrails_take_less_than_64_kilobytes() -> None:
    assert len(ALL) == 10
    evidence = after(ALL, *(everything(step) for step in range(300)))
    assert len(json.dumps(evidence.to_state())) < 64_000


def test_guardrails_that_are_the_same_go_on_and_others_start_anew() -> None:
    evidence = after((ERRORS, LATENCY), *(everything(step) for step in range(20)))
    stricter = ERRORS.model_copy(update={"margin": Margin(ratio=1.2)})
    changed = RolloutEvidence.from_state(evidence.to_state(), (LATENCY, stricter, MEAN), 0.05)
    kept, anew, added = changed.judge()
    assert kept.log_e_harm == evidence.judge()[1].log_e_harm
    assert kept.canary == evidence.judge()[1].canary
    assert anew.canary.total == added.canary.total == 0


def test_another_alpha_asks_more_of_the_same_evidence() -> None:
    evidence = after((ERRORS,), errors((5, 20), (1, 380)))
    strict = RolloutEvidence.from_state(evidence.to_state(), (ERRORS,), 1e-9)
    assert only(strict).log_e_harm == only(evidence).log_e_harm
    assert (only(evidence).state, only(strict).state) == ("harm", "undecided")


def test_an_empty_state_starts_all() -> None:
    evidence = RolloutEvidence.from_state({}, DEFAULT_GUARDRAILS, 0.05)
    assert evidence.judge() == RolloutEvidence.start(DEFAULT_GUARDRAILS, 0.05).judge()


@pytest.mark.parametrize("damage", [{"likelihood": "?"}, {"peak": None}, {"tallies": [1]}])
def test_a_damaged_part_starts_anew_and_the_others_go_on(damage: dict[str, object]) -> None:
    rails = ERRORS, Guardrail(metric="restarts")
    seen = Look(
        "requests",
        SideLook({"errors": Count(1, 2), "restarts": Count(2, 60)}),
        SideLook({"errors": Count(3, 4), "restarts": Count(0, 60)}),
    )
    evidence = after(rails, seen)
    state = evidence.to_state()
    state["parts"]["errors"].update(damage)
    errors, restarts = RolloutEvidence.from_state(state, rails, 0.05).judge()
    assert errors == RolloutEvidence.start(rails, 0.05).judge()[0]
    assert restarts == evidence.judge()[1] != RolloutEvidence.start(rails, 0.05).judge()[1]


@pytest.mark.parametrize("damage", [{"parts": [1]}, {"parts": {"errors": 7}}, {"blind": None}])
def test_a_damaged_frame_starts_all_anew(damage: dict[str, object]) -> None:
    state = after((ERRORS,)).to_state() | damage
    evidence = RolloutEvidence.from_state(state, (ERRORS,), 0.05)
    assert evidence.judge() == RolloutEvidence.start((ERRORS,), 0.05).judge()


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(ValueError, match=r"canary\.counts\.errors\.events"):
        after((ERRORS,), errors((3, 2), (0, 1)))
    with pytest.raises(ValueError, match="alpha"):
        RolloutEvidence.start((ERRORS,), 0.0)
    with pytest.raises(ValueError, match="guardrails"):
        RolloutEvidence.start((), 0.05)


def test_more_looks_of_a_bad_canary_are_more_harm() -> None:
    looks = [errors((2, 20), (1, 380))] * 10
    harm = [only(after((ERRORS,), *looks[:number])).log_e_harm for number in range(1, 11)]
    assert all(later > earlier for earlier, later in pairwise(harm))
