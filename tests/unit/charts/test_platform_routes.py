"""The routing table that the chart makes of gateway.routes is one that a gateway takes."""

from itertools import product
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.charts.helm import PLATFORM, ROOT, Helm, Refused, named
from trellis.contracts.routing_table import ModelRoute, RoutingTable

Route = dict[str, Any]


def table(helm: Helm, *routes: Route) -> RoutingTable:
    rendered = helm.render(PLATFORM, {"gateway": {"routes": list(routes)}})
    document = named(rendered, "ConfigMap", "trellis-routing-table")["data"]["routing-table.json"]
    return RoutingTable.model_validate_json(document)


def route(helm: Helm, *arms: Route, **more: Any) -> ModelRoute:
    return table(helm, {"model": "tomato", "arms": list(arms), **more}).models["tomato"]


def test_without_routes_there_is_a_table_without_models(helm: Helm) -> None:
    assert table(helm).models == {}


def test_a_model_by_itself_is_its_inference_service(helm: Helm) -> None:
    (arm,) = route(helm, {"version": "v1"}).arms
    assert arm.url == "http://tomato-predictor.trellis.svc.cluster.local"
    assert (arm.model, arm.version, arm.role, arm.weight) == ("tomato", "v1", "stable", 1)
    assert arm.grpc_address is None


def test_arms_of_an_experiment_answer_to_their_own_names(helm: Helm) -> None:
    found = route(
        helm,
        {"version": "v1", "weight": 80},
        {"version": "v2", "service": "tomato-b", "weight": 20, "grpc": True, "fingerprint": "f"},
        experiment="leaves",
    )
    assert (found.experiment, found.record, found.salt) == ("leaves", True, "tomato")
    assert [(arm.model, arm.role) for arm in found.arms] == [
        ("tomato", "stable"),
        ("tomato-b", "arm"),
    ]
    assert found.arms[1].grpc_address == "tomato-b-predictor.trellis.svc.cluster.local:80"
    assert found.arms[1].fingerprint == "f"
    assert [arm.intervals for arm in found.arms] == [((0, 0.8),), ((0.8, 1),)]


def test_a_canary_is_reached_by_its_tags(helm: Helm) -> None:
    prev, latest = route(
        helm,
        {"version": "v1", "tag": "prev", "weight": 9},
        {"version": "v2", "tag": "latest", "role": "canary"},
    ).arms
    assert prev.url == "http://prev-tomato-predictor.trellis.svc.cluster.local"
    assert latest.url == "http://latest-tomato-predictor.trellis.svc.cluster.local"
    assert prev.model == latest.model == "tomato"
    assert prev.revision != latest.revision
    assert latest.role == "canary"
    assert latest.weight == pytest.approx(0.1, abs=1e-12)


def test_the_example_of_the_documentation_is_taken(helm: Helm) -> None:
    page = (ROOT / "docs/deployment.md").read_text("utf-8")
    values = yaml.safe_load(page.split("<<'END'\n")[1].split("\nEND\n")[0])
    rendered = helm.render(PLATFORM, values)
    document = named(rendered, "ConfigMap", "trellis-routing-table")["data"]["routing-table.json"]
    weights = {
        name: [round(arm.weight, 9) for arm in found.arms]
        for name, found in RoutingTable.model_validate_json(document).models.items()
    }
    assert weights == {"tomato": [0.8, 0.2], "sentiment": [0.9, 0.1]}


def test_an_arm_without_weight_can_be_asked_for(helm: Helm) -> None:
    _, off = route(helm, {"version": "v1"}, {"version": "v2", "tag": "latest", "weight": 0}).arms
    assert off.intervals == ()


def test_a_routes_own_settings_are_the_tables(helm: Helm) -> None:
    own = {
        "strategy": "random",
        "salt": "s",
        "attributionWindow": 60,
        "cacheSeconds": 0,
        "override": "scope",
    }
    found = route(helm, {"version": "v1"}, **own)
    assert own.items() <= found.model_dump(by_alias=True).items()
    assert found.record is False


def lists_of(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=20, max_size=20)


def weighted(model: str, weights: list[int]) -> Route:
    arms = [
        {"version": f"v{number}", "service": f"m{number}", "weight": weight}
        for number, weight in enumerate(weights)
    ]
    return {"model": model, "arms": arms}


# A rendering takes long, and one table holds many routes.
many = settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@many
@given(drawn=lists_of(st.lists(st.integers(0, 100_000), min_size=1, max_size=7).filter(any)))
def test_shares_are_exact_whatever_the_weights(helm: Helm, drawn: list[list[int]]) -> None:
    named_weights = {f"model-{number}": weights for number, weights in enumerate(drawn)}
    routes = [weighted(model, weights) for model, weights in named_weights.items()]
    found = table(helm, *routes).models
    for model, weights in named_weights.items():
        shares = [weight / sum(weights) for weight in weights]
        assert [arm.weight for arm in found[model].arms] == pytest.approx(shares, abs=2e-12)


def moved(before: ModelRoute, after: ModelRoute) -> tuple[float, float]:
    """The share of units that another arm answers now, and the smallest that had to be."""
    stays = 0.0
    for one, other in zip(before.arms, after.arms, strict=True):
        for (a, b), (c, d) in product(one.intervals, other.intervals):
            stays += max(0.0, min(b, d) - max(a, c))
    least = sum(
        max(0.0, one.weight - other.weight)
        for one, other in zip(before.arms, after.arms, strict=True)
    )
    return 1 - stays, least


def two_of_a_length(count: int) -> st.SearchStrategy[tuple[list[int], list[int]]]:
    weights = st.lists(st.integers(0, 100), min_size=count, max_size=count).filter(any)
    return st.tuples(weights, weights)


@many
@given(drawn=lists_of(st.integers(2, 5).flatmap(two_of_a_length)))
def test_a_change_moves_no_more_than_is_said(
    helm: Helm, drawn: list[tuple[list[int], list[int]]]
) -> None:
    routes = [
        weighted(f"{time}-{number}", weights)
        for number, change in enumerate(drawn)
        for time, weights in zip(("before", "after"), change, strict=True)
    ]
    found = table(helm, *routes).models
    for number, (weights, _) in enumerate(drawn):
        share, least = moved(found[f"before-{number}"], found[f"after-{number}"])
        assert share <= (len(weights) - 1) * least + 1e-9


def test_the_figures_of_the_documentation(helm: Helm) -> None:
    found = table(helm, weighted("before", [1, 1, 1]), weighted("after", [2, 1, 1])).models
    share, least = moved(found["before"], found["after"])
    assert share == pytest.approx(0.25)
    assert least == pytest.approx(1 / 6)
    page = " ".join((ROOT / "docs/gateway/routing.md").read_text("utf-8").split())
    assert "moves a quarter of the units, where a sixth would do" in page


ARM = {"version": "v1"}


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ([{"model": "a", "arms": [ARM]}] * 2, '"a" is there twice'),
        ([{"model": "a", "arms": [{**ARM, "weight": -1}]}], "weight is -1"),
        ([{"model": "a", "arms": [{**ARM, "weight": 0}]}], "sum to 0"),
        ([{"model": "a", "arms": [{**ARM, "weight": 1_000_001}]}], "sum to 1000001"),
        ([{"model": "a", "arms": [ARM, {"version": "v2"}]}], "two arms lead to service a"),
        ([{"model": "a", "arms": []}], "at '/gateway/routes/0/arms'"),
        ([{"model": "a"}], "missing property 'arms'"),
        ([{"model": "a", "arms": [{**ARM, "wait": 1}]}], "'wait' not allowed"),
        ([{"model": "a b", "arms": [ARM]}], "at '/gateway/routes/0/model'"),
        ([{"model": "a", "arms": [{**ARM, "tag": "next"}]}], "at '/gateway/routes/0/arms/0/tag'"),
        ([{"model": "a", "strategy": "sticky", "arms": [ARM]}], "strategy"),
    ],
)
def test_a_route_that_cannot_be_is_told(helm: Helm, routes: list[Route], words: str) -> None:
    with pytest.raises(Refused, match=words):
        helm.render(PLATFORM, {"gateway": {"routes": routes}})


def test_a_default_model_is_one_of_the_routes(helm: Helm) -> None:
    with pytest.raises(Refused, match='defaultModel is "a"'):
        helm.render(PLATFORM, {"gateway": {"defaultModel": "a"}})
