from dataclasses import replace

import numpy as np
import pytest

from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Look
from trellis.rollout.simulate.behaviour import (
    Behaviour,
    ColdStart,
    LogNormal,
    Shocks,
    Traffic,
)
from trellis.rollout.simulate.requests import RequestTraffic

ERRORS = Guardrail(metric="errors")
SLOW = Guardrail(metric="latency", over="100ms")
MEAN = Guardrail(metric="meanLatency")
RESTARTS = Guardrail(metric="restarts")
SCORES = Guardrail(metric="scores", attribution_window="30s")


def looks(
    traffic: Traffic,
    *guardrails: Guardrail,
    weight: float = 20,
    number: int = 100,
    warm_up: float = 0,
    seed: int = 3,
) -> list[Look]:
    invented = RequestTraffic(guardrails, traffic, warm_up, np.random.default_rng(seed))
    return [invented.look(weight, 5.0) for _ in range(number)]


def test_requests_follow_the_rate_and_the_weight() -> None:
    found = looks(Traffic(requests_per_second=40), ERRORS)
    canary = sum(look.canary.counts["errors"].total for look in found)
    stable = sum(look.stable.counts["errors"].total for look in found)
    # 20,000 requests are expected; both bounds are six standard deviations wide.
    assert abs(canary + stable - 20_000) < 6 * 20_000**0.5
    assert abs(canary - 4_000) < 6 * 4_000**0.5


def test_errors_follow_each_sides_own_rate() -> None:
    traffic = Traffic(Behaviour(error_rate=0.01), Behaviour(error_rate=0.4), 40)
    found = looks(traffic, ERRORS)
    canary = sum(look.canary.counts["errors"].events for look in found)
    stable = sum(look.stable.counts["errors"].events for look in found)
    assert abs(canary - 1_600) < 6 * 1_600**0.5
    assert abs(stable - 160) < 6 * 160**0.5


def test_the_same_seed_invents_the_same_history() -> None:
    first, again, other = (looks(Traffic(), ERRORS, SLOW, MEAN, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_latency_leaves_a_new_pods_first_seconds_out() -> None:
    found = looks(Traffic(), ERRORS, SLOW, MEAN, warm_up=30, number=10)
    for name in ("errors", "latency>100ms"):
        totals = [look.canary.counts[name].total > 0 for look in found]
        assert totals == [name == "errors"] * 6 + [True] * 4
    assert [look.canary.moments["meanLatency"].number > 0 for look in found] == [False] * 6 + [
        True
    ] * 4
    assert all(look.stable.counts["latency>100ms"].total > 0 for look in found)


def test_a_cold_canary_is_slow_at_first_only() -> None:
    quick = Behaviour(latency=LogNormal(0.01, 0.1))
    found = looks(Traffic(quick, quick, cold_start=ColdStart(25, 50)), SLOW, number=10)
    slow = [look.canary.counts["latency>100ms"].events > 0 for look in found]
    assert slow == [True] * 5 + [False] * 5
    assert sum(look.stable.counts["latency>100ms"].events for look in found) == 0


def test_a_shock_hits_both_sides_in_the_same_look() -> None:
    calm = Behaviour(error_rate=1e-9)
    traffic = Traffic(calm, calm, 200, shocks=Shocks(share=0.3, errors=5e8))
    found = looks(traffic, ERRORS, weight=50)
    shaken = [
        (look.canary.counts["errors"].events > 0, look.stable.counts["errors"].events > 0)
        for look in found
    ]
    assert set(shaken) == {(False, False), (True, True)}


def test_outcomes_ripen_after_their_window() -> None:
    found = looks(Traffic(), ERRORS, SCORES, number=20)
    sent = [look.canary.counts["errors"].total for look in found]
    ripe = [look.canary.moments["scores"].number for look in found]
    assert ripe[:6] == [0] * 6
    assert ripe[6:] == sent[:-6]


def test_restarts_are_counted_in_seconds_of_pods() -> None:
    traffic = replace(Traffic(), canary_pods=3, stable_pods=5)
    (look,) = looks(traffic, RESTARTS, number=1)
    assert (look.canary.counts["restarts"].total, look.stable.counts["restarts"].total) == (15, 25)
    (idle,) = looks(traffic, RESTARTS, number=1, weight=0)
    assert idle.canary.counts["restarts"].total == 0


def test_mean_latency_has_the_moments_of_its_values() -> None:
    steady = Behaviour(latency=LogNormal(0.2, 1e-9))
    (look,) = looks(Traffic(steady, steady), MEAN, number=1)
    number, total, squares = look.stable.moments["meanLatency"]
    assert total == pytest.approx(0.2 * number)
    assert squares == pytest.approx(0.04 * number)
