from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from trellis.contracts.routing_table import RoutingTable
from trellis.gateway.ejection import Rules
from trellis.gateway.errors import NotFound
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.router import Route, Router
from trellis.gateway.units import Unit
from trellis.telemetry.metrics import GatewayMetrics


def router_of(
    arms: Sequence[tuple[str, str, list[list[float]]]], default: str | None = None, **route: object
) -> Router:
    table = RoutingTable.model_validate(
        {
            "version": 3,
            "models": {
                "tomato": {
                    "salt": "s",
                    "arms": [
                        {
                            "url": f"http://{revision}:8080",
                            "model": "tomato",
                            "version": version,
                            "revision": revision,
                            "intervals": intervals,
                        }
                        for version, revision, intervals in arms
                    ],
                    **route,
                }
            },
        }
    )
    metrics = GatewayMetrics(CollectorRegistry())
    return Router(table, Meters(metrics), Healths(metrics, Rules(2, 5.0)), default)


TWO = [("v1", "r1", [[0.0, 0.8]]), ("v2", "r2", [[0.8, 1.0]])]


def units(count: int) -> list[Unit]:
    return [Unit(f"u{number}".encode(), sticky=True) for number in range(count)]


def test_the_same_unit_meets_the_same_arm() -> None:
    one, other = router_of(TWO).route("tomato"), router_of(TWO).route("tomato")
    for unit in units(200):
        assert one.assigned(unit).arm == other.assigned(unit).arm


def test_random_forgets_the_unit_and_keeps_the_weights() -> None:
    route = router_of(TWO, strategy="random").route("tomato")
    unit = Unit(b"always the same", sticky=True)
    new = sum(route.assigned(unit).arm.revision == "r2" for _ in range(5000))
    # Six standard errors of 5,000 draws at 0.2: less than 2e-9 by chance.
    assert abs(new / 5000 - 0.2) < 0.034


def test_weighted_applies_the_tables_weights_by_unit() -> None:
    by_hash = router_of(TWO).route("tomato")
    weighted = router_of(TWO, strategy="weighted").route("tomato")
    for unit in units(50):
        assert weighted.assigned(unit).arm == by_hash.assigned(unit).arm


def test_a_version_chooses_its_arm_even_at_weight_0() -> None:
    route = router_of([("v1", "r1", [[0.0, 1.0]]), ("v2", "r2", [])]).route("tomato")
    for unit in units(20):
        assert route.choose(unit, "v2", fallback=False).arm.revision == "r2"


def test_of_two_revisions_of_a_version_the_units_own_is_kept() -> None:
    route = router_of([("v1", "r1", [[0.0, 0.5]]), ("v1", "r2", [[0.5, 1.0]])]).route("tomato")
    for unit in units(50):
        assert route.choose(unit, "v1", fallback=False) == route.assigned(unit)


def test_of_two_other_revisions_of_a_version_the_one_with_more_weight_is_taken() -> None:
    arms = [("v1", "r1", [[0.0, 0.7]]), ("v2", "r2", [[0.7, 0.8]]), ("v2", "r3", [[0.8, 1.0]])]
    route = router_of(arms).route("tomato")
    on_v1 = next(unit for unit in units(50) if route.assigned(unit).arm.version == "v1")
    assert route.choose(on_v1, "v2", fallback=False).arm.revision == "r3"


def test_an_unknown_version_is_not_found_and_names_the_known() -> None:
    route = router_of(TWO).route("tomato")
    with pytest.raises(NotFound, match=r"model 'tomato' has no version 'v9'; known are: v1, v2"):
        route.choose(units(1)[0], "v9", fallback=False)


def test_an_unknown_version_falls_back_where_that_is_allowed() -> None:
    route = router_of(TWO).route("tomato")
    for unit in units(20):
        assert route.choose(unit, "v9", fallback=True) == route.assigned(unit)


def test_an_unknown_model_is_not_found_and_names_the_known() -> None:
    with pytest.raises(NotFound, match=r"unknown model 'tomatoe'; known are: tomato"):
        router_of(TWO).route("tomatoe")


def test_the_stable_arm_speaks_for_the_model() -> None:
    assert router_of(TWO).route("tomato").stable.arm.revision == "r1"


@pytest.mark.parametrize(
    ("setting", "expected"), [(None, "tomato"), ("other", "other")], ids=["first", "set"]
)
def test_the_default_model(setting: str | None, expected: str) -> None:
    assert router_of(TWO, setting).default_model == expected


def route_of(*arms: tuple[str, float]) -> Route:
    """Arms r0, r1, ... of role and weight."""
    line, begin = [], 0.0
    for place, (role, weight) in enumerate(arms):
        end = 1.0 if place == len(arms) - 1 else begin + weight
        line.append(
            {
                "url": "http://x:1",
                "model": "m",
                "version": f"v{place}",
                "revision": f"r{place}",
                "role": role,
                "intervals": [[begin, end]] if weight else [],
            }
        )
        begin = end
    metrics = GatewayMetrics(CollectorRegistry())
    table = RoutingTable.model_validate(
        {"version": 1, "models": {"m": {"salt": "s", "arms": line}}}
    )
    return Router(table, Meters(metrics), Healths(metrics, Rules(1, 5.0))).route("m")


def eject(route: Route, place: int) -> None:
    health = route.targets[place].health
    health.failed(health.era, 0.0)


def in_place_of(route: Route, place: int) -> str | None:
    other = route.in_place_of(route.targets[place])
    return other.arm.revision if other else None


def test_stable_answers_for_every_other_and_nobody_for_stable() -> None:
    route = route_of(("canary", 0.6), ("stable", 0.1), ("arm", 0.3))
    assert [in_place_of(route, place) for place in range(3)] == ["r1", None, "r1"]
    eject(route, 1)
    assert [in_place_of(route, place) for place in range(3)] == [None, None, None]


def test_in_an_experiment_without_a_stable_arm_the_largest_that_is_well_answers() -> None:
    route = route_of(("arm", 0.2), ("arm", 0.5), ("arm", 0.3))
    assert [in_place_of(route, place) for place in range(3)] == ["r1", "r2", "r1"]
    eject(route, 1)
    assert [in_place_of(route, place) for place in range(3)] == ["r2", "r2", "r0"]
    eject(route, 2)
    assert [in_place_of(route, place) for place in range(3)] == [None, "r0", "r0"]


def test_a_single_arm_has_nobody_to_answer_for_it() -> None:
    assert in_place_of(route_of(("stable", 1.0)), 0) is None
    assert in_place_of(route_of(("arm", 1.0)), 0) is None


def test_a_units_hash_is_where_it_stands() -> None:
    route = route_of(("arm", 0.5), ("arm", 0.5))
    for unit in units(50):
        digits = route.unit_hash(unit)
        assert len(digits) == 16
        assert (int(digits, 16) / 2**64 < 0.5) == (route.assigned(unit).arm.revision == "r0")
