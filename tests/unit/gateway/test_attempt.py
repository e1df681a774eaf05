from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from trellis.contracts.events import Exposure, digest_of_shares
from trellis.contracts.routing_table import RoutingTable
from trellis.gateway.attempt import CLIENT_GONE, PATIENCE_SECONDS, Attempt, choose
from trellis.gateway.ejection import Rules
from trellis.gateway.errors import Forbidden, NotFound
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.router import Route, Router
from trellis.gateway.units import Unit
from trellis.telemetry.metrics import GatewayMetrics

NOBODY: frozenset[str] = frozenset()
#: With salt "s" and these halves, of which the second is the canary's.
ON_STABLE, ON_CANARY = Unit(b"u0", sticky=True), Unit(b"u2", sticky=True)


class Stand:
    def __init__(self, after: int = 1, **fields: Any) -> None:
        self.registry = CollectorRegistry()
        metrics = GatewayMetrics(self.registry)
        arm = {"url": "http://x:1", "model": "m"}
        arms = [
            {**arm, "version": "v1", "revision": "r1", "intervals": [[0, 0.5]], "role": "stable"},
            {**arm, "version": "v2", "revision": "r2", "intervals": [[0.5, 1]], "role": "canary"},
        ]
        table = RoutingTable.model_validate(
            {"version": 4, "models": {"m": {"salt": "s", "arms": arms, "record": True, **fields}}}
        )
        self.exposures: list[Exposure] = []
        self.route: Route = Router(
            table, Meters(metrics), Healths(metrics, Rules(after, 5.0))
        ).route("m")

    def attempt(
        self,
        unit: Unit = ON_CANARY,
        version: str | None = None,
        *,
        fallback: bool = False,
        asked: bool = True,
    ) -> Attempt:
        choice = choose(self.route, unit, version, fallback=fallback, scopes=NOBODY)
        made = Attempt(self.route, choice, "request", self.exposures.append)
        made.asked = asked
        return made

    def count(self, name: str, revision: str, **labels: str) -> float:
        who = {"model": "m", "version": revision.replace("r", "v"), "revision": revision}
        return self.registry.get_sample_value(name, {**who, **labels}) or 0.0


def test_the_units_of_these_tests_stand_where_they_should() -> None:
    route = Stand().route
    assert route.assigned(ON_STABLE).arm.revision == "r1"
    assert route.assigned(ON_CANARY).arm.revision == "r2"


@pytest.mark.parametrize("code", [502, 503, 504])
def test_a_failure_ejects_and_the_next_goes_to_stable(code: int) -> None:
    stand = Stand()
    stand.attempt().finish(code)
    later = stand.attempt()
    assert later.target.arm.revision == "r1"
    assert later.patience is None
    later.finish(200)
    assert stand.count("trellis_fallbacks_total", "r2") == 1
    assert stand.count("trellis_requests_total", "r2", code=str(code), protocol="rest") == 1
    assert stand.count("trellis_requests_total", "r1", code="200", protocol="rest") == 1


@pytest.mark.parametrize(
    ("code", "flags"),
    [
        (200, {}),
        (400, {}),
        (429, {}),
        (500, {}),
        (CLIENT_GONE, {}),
        (503, {"excused": True}),
        (504, {"excused": True}),
    ],
)
def test_what_is_not_the_arms_failure_ejects_nobody(code: int, flags: dict[str, bool]) -> None:
    stand = Stand()
    stand.attempt().finish(code, **flags)
    assert stand.attempt().target.arm.revision == "r2"


def test_an_answer_from_the_cache_says_nothing_of_the_arm() -> None:
    stand = Stand(after=2)
    stand.attempt().finish(502)
    stand.attempt().finish(200, cached=True)
    stand.attempt().finish(502)
    assert stand.attempt().target.arm.revision == "r1"


def test_an_arm_that_was_never_asked_is_not_blamed() -> None:
    stand = Stand()
    attempt = stand.attempt()
    attempt.asked = False
    attempt.finish(504)
    assert stand.attempt().target.arm.revision == "r2"


def test_where_nothing_was_sent_stable_answers_the_same_request() -> None:
    stand = Stand()
    attempt = stand.attempt()
    assert attempt.patience == PATIENCE_SECONDS
    assert attempt.fall_back()
    assert attempt.target.arm.revision == "r1"
    assert not attempt.fall_back(), "at most one other is asked"
    assert stand.count("trellis_inflight_requests", "r2") == 0
    assert stand.count("trellis_inflight_requests", "r1") == 1
    attempt.finish(200)
    assert stand.count("trellis_inflight_requests", "r1") == 0
    (exposure,) = stand.exposures
    assert (exposure.arm, exposure.revision, exposure.version) == ("r2", "r1", "v1")
    assert exposure.propensity == 0.5


def test_nobody_answers_for_stable() -> None:
    attempt = Stand().attempt(ON_STABLE)
    assert attempt.patience is None
    assert not attempt.fall_back()
    attempt.finish(503)


def test_nobody_answers_for_a_version_that_was_asked_for_alone() -> None:
    stand = Stand()
    for fallback in (False, True):
        attempt = stand.attempt(ON_STABLE, "v2", fallback=fallback)
        assert attempt.target.arm.revision == "r2"
        assert attempt.fall_back() is fallback
        attempt.finish(200)
    assert all(exposure.asked for exposure in stand.exposures)


def test_a_version_is_for_those_whom_the_table_lets_ask() -> None:
    route = Stand(override="scope").route
    for version in ("v1", "v2", "v9"):
        with pytest.raises(Forbidden, match="scope 'version'"):
            choose(route, ON_STABLE, version, fallback=True, scopes=frozenset(("infer",)))
    may = frozenset(("version",))
    assert choose(route, ON_STABLE, "v2", fallback=False, scopes=may).target.arm.version == "v2"
    with pytest.raises(NotFound):
        choose(route, ON_STABLE, "v9", fallback=False, scopes=may)
    assert not choose(route, ON_STABLE, None, fallback=False, scopes=NOBODY).asked


def test_the_exposure_says_who_answered_by_its_own_words() -> None:
    stand = Stand()
    attempt = stand.attempt()
    attempt.served_by({"x-model-version": "v3", "x-model-revision": "r3"})
    attempt.finish(200)
    (exposure,) = stand.exposures
    assert (exposure.arm, exposure.version, exposure.revision) == ("r2", "v3", "r3")
    assert exposure.table_version == 4
    assert exposure.shares == digest_of_shares({"r1": 0.5, "r2": 0.5})


def test_what_nobody_records_is_no_exposure() -> None:
    stand = Stand(record=False)
    stand.attempt().finish(200)
    assert stand.exposures == []


@pytest.mark.parametrize(("asked", "codes"), [(True, [CLIENT_GONE]), (False, [])])
def test_a_caller_that_leaves_has_met_the_arm_that_was_asked(asked: bool, codes: list[int]) -> None:
    stand = Stand()
    stand.attempt(asked=asked).finish(CLIENT_GONE)
    assert [exposure.code for exposure in stand.exposures] == codes


def test_a_failure_before_the_arm_was_asked_says_nothing_of_it() -> None:
    stand = Stand()
    stand.attempt(asked=False).finish(503)
    assert stand.attempt().target.arm.revision == "r2"


def test_every_ejected_arm_keeps_a_place_to_go() -> None:
    stand = Stand()
    stand.attempt(ON_STABLE).finish(503)
    stand.attempt(ON_CANARY).finish(503)
    assert stand.attempt(ON_STABLE).target.arm.revision == "r1"
    assert stand.attempt(ON_CANARY).target.arm.revision == "r2"
