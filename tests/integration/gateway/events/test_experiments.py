"""``/experiments`` through a real gateway and a controller of the contract."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.gateway.events.conftest import ADMIN_KEY, Stand, make_key
from tests.integration.gateway.processes import ask, get

HALVES: dict[str, Any] = {
    "model": "leaf",
    "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}],
    "attributionWindow": 60,
}


def put(
    stand: Stand, name: str, document: Any, **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    given = {"content-type": "application/json", **headers}
    status, answered, answer = ask("PUT", f"{stand.gateway.url}/experiments/{name}", body, given)
    return status, answered, json.loads(answer)


def test_one_is_set_read_and_changed_by_its_etag(stand: Stand) -> None:
    status, headers, stored = put(stand, "shades", HALVES)
    assert (status, stored["strategy"], stored["attributionWindow"]) == (200, "hash", 60)
    read_status, read_headers, body = get(f"{stand.gateway.url}/experiments/shades")
    assert (read_status, json.loads(body)) == (200, stored)
    assert read_headers["etag"] == headers["etag"]
    off = {**HALVES, "enabled": False}
    match = {"if-match": headers["etag"]}
    assert put(stand, "shades", off, **match)[0] == 200
    status, _, answer = put(stand, "shades", HALVES, **match)
    assert (status, "has changed" in answer["error"]) == (409, True)
    assert stand.read("/experiments")[1]["experiments"]["shades"]["enabled"] is False


def test_what_another_manager_owns_is_409_and_names_it(stand: Stand) -> None:
    status, _, answer = put(stand, "owned", HALVES)
    assert (status, answer["error"]) == (
        409,
        "experiment 'owned' is managed by 'argocd'; change it in git",
    )


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        (b"{", 400, "no JSON"),
        ([], 422, "valid dictionary"),
        ({**HALVES, "arms": HALVES["arms"][:1]}, 422, "field 'arms'"),
        ({**HALVES, "arms": [HALVES["arms"][0]] * 2}, 422, "versions repeat"),
        ({**HALVES, "strategy": "bandit"}, 422, "field 'strategy'"),
        ({**HALVES, "weights": 1}, 422, "field 'weights'"),
        ({**HALVES, "model": "../x"}, 422, "field 'model'"),
        ({**HALVES, "model": "nope"}, 422, "unknown model 'nope'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_does_not_fit_is_named(stand: Stand, document: Any, status: int, said: str) -> None:
    got, _, answer = put(stand, "shades", document)
    assert got == status
    assert said in answer["error"]


def test_unknown_ones_are_404(stand: Stand) -> None:
    assert stand.read("/experiments/nope")[0] == 404
    assert stand.read("/experiments/nope/status")[0] == 404
    assert stand.read("/experiments/..%2fmodels")[0] == 404


def test_the_status_tells_each_arm_what_it_met(stand: Stand) -> None:
    units = [f"unit-{uuid4().hex}" for _ in range(60)]
    before = stand.read("/experiments/colours/status")[1]
    for place, unit in enumerate(units):
        assert stand.predict(unit, f"{unit}-1") == 200
        # Errors count for the arm, and a version that was asked for counts for none.
        assert stand.predict(unit, f"{unit}-2", **{"x-do": "status:500"}) == 500
        assert stand.predict(unit, f"{unit}-3", **{"x-model-version": "v2"}) == 200
        said = {"request_id": f"{unit}-1", "conversion": place % 2 == 0}
        assert stand.feedback(said)[0] == 200
    status = stand.read("/experiments/colours/status")[1]
    assert (status["experiment"], status["models"], status["incomplete"]) == (
        "colours", ["leaf"], False,
    )  # fmt: skip
    arms = {arm["arm"]: arm for arm in status["arms"]}
    earlier = {arm["arm"]: arm for arm in before["arms"]}
    assert arms.keys() == {"v1-1", "v2-1"}

    def grown(what: str) -> int:
        return sum(arms[name][what] - earlier[name][what] for name in arms)

    assert (grown("exposures"), grown("errors"), grown("conversions")) == (120, 60, 30)
    assert abs(grown("units") - 60) <= 3
    for arm in arms.values():
        assert arm["weight"] == 0.5
        assert arm["version"] == arm["arm"].removesuffix("-1")
        low, high = arm["conversionWilson95"]
        assert low < arm["conversionRate"] < high


def test_with_keys_experiments_are_for_operators(closed: Stand) -> None:
    for path in ("/experiments", "/experiments/owned", "/experiments/colours/status", "/audit"):
        assert closed.read(path)[0] == 401
        assert closed.read(path, {"x-api-key": ADMIN_KEY})[0] == 200
    assert put(closed, "shades", HALVES)[0] == 401


def test_an_operator_of_some_models_sees_and_sets_experiments_of_those(closed: Stand) -> None:
    def operator(models: str) -> dict[str, str]:
        flags = ("--scopes", "admin", "--models", models)
        return {"x-api-key": make_key(closed, "--name", models, *flags)}

    own, other = operator("lea*"), operator("squares")
    assert put(closed, "hues", HALVES, **own)[0] == 200
    assert closed.read("/experiments", own)[1]["experiments"].keys() >= {"hues", "owned"}
    assert closed.read("/experiments", other)[1]["experiments"] == {}
    for path in ("/experiments/hues", "/experiments/colours/status"):
        assert closed.read(path, own)[0] == 200
        status, answer = closed.read(path, other)
        assert (status, "not for the model of experiment" in answer["error"]) == (403, True)
    assert put(closed, "hues", HALVES, **other)[0] == 403
    # Nor may it put one of its own model in the place of another's.
    assert put(closed, "hues", {**HALVES, "model": "squares"}, **other)[0] == 403
    assert closed.read("/experiments/hues", own)[1]["model"] == "leaf"
    assert put(closed, "hues", {**HALVES, "enabled": False}, **own)[0] == 200
    # What was looked at is what is replaced.
    told = [one for one in closed.controller.told() if one["method"] == "PUT"][-1]
    assert "if-match" in {name.lower() for name in told}
