import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.contracts.intervals import Intervals
from trellis.contracts.routing_table import ModelRoute, RoutingTable
from trellis.rollout.compile import Trial, WeightedRevision, compile_route, compile_table


def revision(name: str, weight: float) -> WeightedRevision:
    return WeightedRevision(
        url=f"http://{name}:8080",
        grpc_address=f"{name}:8081",
        model="tomato",
        version="v1",
        revision=name,
        fingerprint="",
        role="arm",
        weight=weight,
    )


def owner(route: ModelRoute, point: float) -> str:
    for arm in route.arms:
        if any(start <= point < end for start, end in arm.intervals):
            return arm.revision
    raise AssertionError(point)


def moved(before: ModelRoute, after: ModelRoute) -> float:
    """Length of the unit line that changed hands."""
    edges = sorted(
        {0.0, 1.0}
        | {
            edge
            for route in (before, after)
            for arm in route.arms
            for own in arm.intervals
            for edge in own
        }
    )
    return sum(
        end - start
        for start, end in itertools.pairwise(edges)
        if owner(before, start) != owner(after, start)
    )


def intervals(route: ModelRoute) -> dict[str, Intervals]:
    return {arm.revision: arm.intervals for arm in route.arms}


def test_a_canary_takes_its_share_and_stable_keeps_the_rest() -> None:
    before = compile_route("tomato", [revision("r1", 100)], None)
    after = compile_route("tomato", [revision("r1", 80), revision("r2", 20)], before)
    assert intervals(after) == {"r1": ((0.0, 0.8),), "r2": ((0.8, 1.0),)}


def test_a_replaced_canary_hands_its_units_to_the_next() -> None:
    before = compile_route("tomato", [revision("r1", 80), revision("r2", 20)], None)
    after = compile_route("tomato", [revision("r1", 80), revision("r3", 20)], before)
    assert moved(before, after) == pytest.approx(0.2)
    assert intervals(after)["r1"] == intervals(before)["r1"]


def test_another_salt_keeps_no_intervals() -> None:
    before = compile_route("tomato", [revision("r1", 20), revision("r2", 80)], None)
    after = compile_route("potato", [revision("r2", 80), revision("r1", 20)], before)
    assert intervals(after)["r2"] == ((0.0, 0.8),)


def test_an_arm_without_weight_stays_reachable() -> None:
    route = compile_route("tomato", [revision("r1", 100), revision("r2", 0)], None)
    assert intervals(route) == {"r1": ((0.0, 1.0),), "r2": ()}


def test_repeated_names_and_no_weight_are_refused() -> None:
    with pytest.raises(ValueError, match="repeat"):
        compile_route("tomato", [revision("r1", 50), revision("r1", 50)], None)
    with pytest.raises(ValueError, match="sum to more than 0"):
        compile_route("tomato", [revision("r1", 0)], None)


def test_the_version_rises_only_where_something_changed() -> None:
    first = compile_table({"tomato": [revision("r1", 100)]}, "tomato", None)
    assert first.version == 1
    assert compile_table({"tomato": [revision("r1", 100)]}, "tomato", first) is first
    second = compile_table({"tomato": [revision("r1", 90), revision("r2", 10)]}, "tomato", first)
    assert second.version == 2


def test_a_model_that_comes_back_finds_its_units_as_they_were() -> None:
    first = compile_table({"tomato": [revision("r1", 30), revision("r2", 70)]}, None, None)
    second = compile_table({"tomato": [revision("r1", 60), revision("r2", 40)]}, None, first)
    away = compile_table({"other": [revision("o1", 100)]}, None, second)
    arms = [revision("r1", 60), revision("r2", 40)]
    back = compile_table({"tomato": arms}, None, away, second.models)
    assert intervals(back.models["tomato"]) == intervals(second.models["tomato"])
    assert back.version == 4


def test_a_default_model_that_is_not_there_yet_is_left_out() -> None:
    table = compile_table({"tomato": [revision("r1", 100)]}, "cifar10", None)
    assert table.default_model is None


WEIGHTS = st.dictionaries(
    st.sampled_from(["r1", "r2", "r3", "r4", "r5"]), st.integers(0, 100), min_size=1
).filter(lambda weights: sum(weights.values()) > 0)


@given(st.lists(WEIGHTS, min_size=2, max_size=8))
def test_any_sequence_of_weights_is_exact_and_moves_the_least(
    history: list[dict[str, int]],
) -> None:
    table: RoutingTable | None = None
    for weights in history:
        before = table.models["tomato"] if table else None
        arms = [revision(name, weight) for name, weight in weights.items()]
        table = compile_table({"tomato": arms}, "tomato", table)
        route = table.models["tomato"]
        total = sum(weights.values())
        for arm in route.arms:
            assert arm.weight == pytest.approx(weights[arm.revision] / total, abs=1e-9)
        if before is not None:
            old = {arm.revision: arm.weight for arm in before.arms}
            lost = sum(max(0.0, old[name] - weights.get(name, 0) / total) for name in old)
            assert moved(before, route) == pytest.approx(lost, abs=1e-9)


def test_an_experiment_has_groups_of_its_own_and_is_recorded() -> None:
    arms = [revision("r1", 50), revision("r2", 50)]
    ordinary = compile_table({"tomato": arms}, None, None)
    trials = {"tomato": Trial("leaves", "random", 60.0)}
    table = compile_table({"tomato": arms}, None, ordinary, None, trials)
    route = table.models["tomato"]
    assert (route.experiment, route.strategy, route.record) == ("leaves", "random", True)
    assert route.attribution_window == 60
    assert route.salt != ordinary.models["tomato"].salt
    assert route.salt != Trial("other", "random", 60.0).salt
    assert len(Trial("x" * 63, "hash", 1.0).salt.encode()) <= 64


def test_a_rollout_has_its_exposures_recorded_and_the_models_own_groups() -> None:
    arms = [revision("r1", 95), revision("r2", 5)]
    ordinary = compile_table({"tomato": arms}, None, None)
    table = compile_table({"tomato": arms}, None, ordinary, recorded={"tomato": 3600.0})
    route, before = table.models["tomato"], ordinary.models["tomato"]
    assert (route.experiment, route.record, route.attribution_window) == (None, True, 3600)
    assert (before.record, table.version) == (False, ordinary.version + 1)
    assert [arm.intervals for arm in route.arms] == [arm.intervals for arm in before.arms]
