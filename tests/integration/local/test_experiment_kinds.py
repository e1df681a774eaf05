"""Experiments of ``trellis up`` by other goals and strategies, and while their Redis is killed."""

import os
import random
import signal
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tests.integration.local.conftest import BODY, Start, Up, manifest, version_that_said
from tests.integration.local.experiments import asked, table_of, units, until, until_route, users
from tests.integration.local.test_front import child
from trellis.contracts.routing_table import ModelRoute
from trellis.gateway.assignment import UnitLine

EXPERIMENT = """---
apiVersion: trellis.dev/v1alpha1
kind: Experiment
metadata: {name: kind}
spec:
  model: diabetes
  arms: [{version: v1}, {version: v2}]
  attributionWindow: 1s
"""
SENTIMENT = manifest("v1", name="sentiment").replace("models/diabetes", "models/sentiment")
#: How often a version's answer is what the user hoped for.
GOOD = {"v1": 0.3, "v2": 0.8}
#: So near that it takes hundreds of users to see.
NEAR = {"v1": 0.4, "v2": 0.6}
TAKEN = frozenset((200,))
#: While Redis is away: the exposure was not kept, or the outcome is not taken.
AWAY = frozenset((200, 404, 503))


def content(
    up: Up,
    batch: str = "user",
    taken: frozenset[int] = TAKEN,
    good: Mapping[str, float] = MappingProxyType(GOOD),
) -> Callable[[int], None]:
    """A user who asks once and says at once where the answer was any good; ``taken`` are the statuses that
    this may be answered.
    """

    def one(number: int) -> None:
        name = f"{batch}-{number}"
        headers = {"x-unit-id": name, "x-request-id": name}
        status, answer = asked(f"{up.url}/v2/models/diabetes/infer", BODY, headers)
        assert status == 200, answer
        if random.Random(name).random() < good[version_that_said(answer)]:
            said = {"request_id": name, "conversion": True}
            status, answer = asked(f"{up.url}/feedback", said)
            assert status in taken, answer

    return one


def weights(status: dict[str, Any]) -> dict[str, float]:
    return {arm["version"]: arm["weight"] for arm in status["arms"]}


def test_weights_follow_the_evidence_and_leave_every_arm_its_floor(start: Start) -> None:
    weighted = "  strategy: weighted\n  epoch: 1s\n  minimumShare: 10%\n  alpha: 0.000001\n"
    up = start(manifest("v1") + EXPERIMENT + weighted)
    until(up, "kind", lambda status: status["phase"] == "Running")
    seen: list[float] = []

    def is_led(status: dict[str, Any]) -> bool:
        seen.append(weights(status).get("v1", 1.0))
        return seen[-1] < 0.3

    with users(content(up)):
        status = until(up, "kind", is_led)
    assert min(seen) >= 0.1 - 1e-9
    first, second = status["arms"]
    assert (first["version"], second["version"]) == ("v1", "v2")
    assert second["estimate"] > first["estimate"]


def judged(up: Up) -> Callable[[int], None]:
    """A user who says of a sentence what it was in truth."""
    route = ModelRoute.model_validate(table_of(up)["models"]["sentiment"])
    line = UnitLine(route.salt, [arm.intervals for arm in route.arms])

    def one(number: int) -> None:
        name = f"user-{number}"
        headers = {"x-unit-id": name, "x-request-id": name}
        sentence = {"text": f"a lovely, quiet place {number}"}
        status, answer = asked(f"{up.url}/predict/sentiment", sentence, headers)
        assert status == 200, answer
        version = route.arms[line.arm_of(name.encode())].version
        label = answer["label"]
        if random.Random(name).random() > GOOD[version]:
            label = {"positive": "negative", "negative": "positive"}[label]
        status, answer = asked(f"{up.url}/feedback", {"request_id": name, "label": label})
        assert status == 200, answer

    return one


def test_the_version_that_is_right_more_often_is_found(start: Start) -> None:
    goal = EXPERIMENT.replace("diabetes", "sentiment") + "  goal: {kind: label}\n"
    up = start(SENTIMENT + goal)
    until(up, "kind", lambda status: status["phase"] == "Running")
    until_route(up, "sentiment", lambda route: route["experiment"] is not None)
    with users(judged(up)):
        status = until(up, "kind", lambda status: status["phase"] == "Decided")
    assert status["winner"] == "v2", status["message"]
    first, second = status["arms"]
    for arm in (first, second):
        low, high = arm["interval"]
        assert low <= GOOD[arm["version"]] <= high, arm


def test_evidence_outlives_the_redis_that_it_came_through(start: Start) -> None:
    up = start(manifest("v1") + EXPERIMENT + "  alpha: 0.000001\n")
    until(up, "kind", lambda status: status["phase"] == "Running")
    with users(content(up, "before", good=NEAR)):
        before = until(up, "kind", lambda status: units(status) >= 40)
    assert before["winner"] is None
    os.kill(child(up, "redis-server"), signal.SIGKILL)
    with users(content(up, "meanwhile", AWAY, NEAR)):
        up.wait_for("killed by SIGKILL; starting it again")
        back = until(up, "kind", lambda status: units(status) > units(before) + 40)
    assert back["phase"] == "Running", back["message"]
    with users(content(up, "after", AWAY, NEAR)):
        status = until(up, "kind", lambda status: status["phase"] == "Decided")
    assert units(status) > units(back)
    assert status["winner"] == "v2", status["message"]
