"""Weights of ``weighted``: from the past, above the floor, the same for any two controllers."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rollout.experiments.people import People, converting, spec_of
from trellis.rollout.experiments.epochs import (
    first_epoch,
    next_epoch,
    probabilities_best,
)
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.looks import Moments

WEIGHTED = {"strategy": "weighted", "minimum_share": "5%", "epoch": "60s"}


def known(spec: object, **ripe: tuple[float, float]) -> ExperimentEvidence:
    """Conversions among units, by arm."""
    evidence = ExperimentEvidence.start(spec)  # type: ignore[arg-type]  # spec_of's
    moments = {arm: Moments(n, k, k) for arm, (k, n) in ripe.items()}
    return dataclasses.replace(evidence, ripe=moments)


def test_it_begins_with_the_weights_that_are_written_and_the_floor() -> None:
    spec = spec_of(
        arms=[{"version": "v1", "weight": 99}, {"version": "v2", "weight": 1}], **WEIGHTED
    )
    epoch = first_epoch(spec, 1000.0)
    assert (epoch.number, epoch.began) == (1, 1000.0)
    assert epoch.weights == pytest.approx({"v1": 0.05 + 0.9 * 0.99, "v2": 0.05 + 0.9 * 0.01})


def test_an_epoch_lasts_its_time_whatever_comes_in() -> None:
    spec = spec_of(**WEIGHTED)
    epoch = first_epoch(spec, 1000.0)
    evidence = known(spec, v1=(1, 100), v2=(90, 100))
    assert next_epoch("colours", spec, epoch, evidence, 1059.9) is epoch
    assert next_epoch("colours", spec, epoch, evidence, 900.0) is epoch
    second = next_epoch("colours", spec, epoch, evidence, 1060.0)
    assert (second.number, second.began) == (2, 1060.0)
    assert second.weights == pytest.approx({"v1": 0.05, "v2": 0.95}, abs=1e-6)


def test_two_controllers_with_the_same_evidence_draw_alike() -> None:
    spec = spec_of(**WEIGHTED)
    evidence = known(spec, v1=(10, 100), v2=(12, 100))
    first = first_epoch(spec, 0)
    one, two = (next_epoch("a", spec, first, evidence, 60) for _ in range(2))
    assert one == two
    assert one.weights != first.weights
    assert next_epoch("b", spec, first, evidence, 60).weights != one.weights


@pytest.mark.parametrize(
    "ripe", [{}, {f"v{n}": (3, 10) for n in range(5)}], ids=["nothing", "some"]
)
def test_weights_stand_still_while_nothing_ripens(ripe: dict[str, tuple[float, float]]) -> None:
    spec = spec_of(*(f"v{n}" for n in range(5)), **WEIGHTED)
    evidence = known(spec, **ripe) if ripe else ExperimentEvidence.start(spec)
    epoch = first_epoch(spec, 0)
    seen = set()
    for number in range(1, 20):
        epoch = next_epoch("colours", spec, epoch, evidence, 60.0 * number)
        seen.add(tuple(epoch.weights.values()))
    assert epoch.number == 20
    assert len(seen) == 1


def test_a_little_more_evidence_moves_nobody() -> None:
    spec = spec_of(**WEIGHTED)
    epoch = next_epoch(
        "a", spec, first_epoch(spec, 0), known(spec, v1=(100, 1000), v2=(120, 1000)), 60
    )
    more = known(spec, v1=(101, 1010), v2=(121, 1010))
    assert next_epoch("a", spec, epoch, more, 120).weights == epoch.weights
    much = known(spec, v1=(150, 1500), v2=(180, 1500))
    assert next_epoch("a", spec, epoch, much, 120).weights["v2"] > epoch.weights["v2"] + 0.02


def test_a_floor_that_is_raised_is_kept_at_the_next_epoch() -> None:
    spec = spec_of(**WEIGHTED)
    evidence = known(spec, v1=(1, 100), v2=(90, 100))
    epoch = next_epoch("a", spec, first_epoch(spec, 0), evidence, 60)
    raised = spec_of(**{**WEIGHTED, "minimum_share": "6%"})
    assert next_epoch("a", raised, epoch, evidence, 120).weights == pytest.approx(
        {"v1": 0.06, "v2": 0.94}
    )


def test_without_anything_ripe_nobody_is_preferred_much() -> None:
    spec = spec_of("v1", "v2", "v3", **WEIGHTED)
    best = probabilities_best(spec, dict.fromkeys(("v1", "v2", "v3"), Moments(0, 0, 0)), seed="x")
    assert all(abs(part - 1 / 3) < 0.05 for part in best.values())
    scores = spec_of(goal={"kind": "score"}, **WEIGHTED)
    few = {"v1": Moments(9, 90, 900), "v2": Moments(500, 0, 1)}
    assert probabilities_best(scores, few, seed="x") == {"v1": 0.5, "v2": 0.5}


def test_of_scores_and_where_less_is_better_the_better_arm_gets_more() -> None:
    lower = spec_of(goal={"kind": "score", "better": "lower"}, **WEIGHTED)
    ripe = {"v1": Moments(100, 100, 200), "v2": Moments(100, 50, 125)}
    assert probabilities_best(lower, ripe, seed="x")["v2"] > 0.99
    fewer = spec_of(goal={"better": "lower"}, **WEIGHTED)
    assert (
        probabilities_best(
            fewer, {"v1": Moments(100, 60, 60), "v2": Moments(100, 20, 20)}, seed="x"
        )["v2"]
        > 0.99
    )


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=6),
    st.sampled_from(["1%", "5%", "16%"]),
)
def test_weights_sum_to_one_and_nobody_falls_below_the_floor(
    ripe: list[tuple[int, int]], floor: str
) -> None:
    versions = [f"v{n}" for n in range(len(ripe))]
    spec = spec_of(*versions, strategy="weighted", minimum_share=floor, epoch="60s")
    tallies = {
        arm: (float(min(k, n)), float(n)) for arm, (k, n) in zip(versions, ripe, strict=True)
    }
    epoch = next_epoch("x", spec, first_epoch(spec, 0), known(spec, **tallies), 60)
    assert sum(epoch.weights.values()) == pytest.approx(1)
    assert min(epoch.weights.values()) >= float(floor[:-1]) / 100 - 1e-12


def test_the_better_arm_comes_to_get_most_units_and_wins_under_moving_weights() -> None:
    spec = spec_of(**{**WEIGHTED, "epoch": "20s"})
    people = People(spec, converting(v1=0.2, v2=0.5))
    epoch = first_epoch(spec, 0)
    for _ in range(20):
        people.come(200)
        following = next_epoch("colours", spec, epoch, people.evidence, people.now)
        if following is not epoch:
            epoch = following
            people.reweight(epoch.weights)
    assert people.evidence.winner == "v2"
    assert epoch.weights["v2"] > 0.9
    assert people.evidence.units["v2"] > 2 * people.evidence.units["v1"]
    assert not people.evidence.halted  # weights that move are no sample's ratio that is off
