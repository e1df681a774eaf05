"""Experiments of ``trellis up``: real predictors, gateway, Redis and passes; users are simulated."""

import random
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.local.conftest import BODY, Start, Up, manifest, version_that_said
from tests.integration.local.experiments import asked, units, until, until_route, users, view
from tests.integration.serving import lab

#: How often users are content with what a version said.
CONTENT = {"v1": 0.2, "v2": 0.55}
#: Seconds after which they say so.
LATER = 1.0
EXPERIMENT = """---
apiVersion: trellis.dev/v1alpha1
kind: Experiment
metadata: {name: better}
spec:
  model: diabetes
  arms: [{version: v1}, {version: v2}]
  attributionWindow: 3s
  guardrails: [{metric: errors, margin: {ratio: 2}, negligible: 10%}]
"""
HARM = EXPERIMENT.replace("diabetes", "squares").replace("better", "harm").replace("v2}", "errs}")
SQUARES = manifest("v1", name="squares").replace("models/diabetes", "models/squares")


def patient(up: Up, batch: str) -> Callable[[int], None]:
    """A user who asks once and says later whether the answer was any good."""
    to_say: list[tuple[float, dict[str, Any]]] = []
    lock = threading.Lock()

    def one(number: int) -> None:
        name = f"{batch}-{number}"
        headers = {"x-unit-id": name, "x-request-id": name}
        status, answer = asked(f"{up.url}/v2/models/diabetes/infer", BODY, headers)
        assert status == 200, answer
        content = random.Random(name).random() < CONTENT[version_that_said(answer)]
        now = time.monotonic()
        with lock:
            if content:
                to_say.append((now + LATER, {"request_id": name, "conversion": True}))
            due = [said for at, said in to_say if at <= now]
            to_say[:] = [one for one in to_say if one[0] > now]
        if due:
            status, answer = asked(f"{up.url}/feedback", due)
            assert status == 200, answer

    return one


def test_the_better_version_is_found_although_the_run_dies_in_the_middle(start: Start) -> None:
    up = start(manifest("v1") + EXPERIMENT)
    until(up, "better", lambda status: status["phase"] == "Running")
    with users(patient(up, "early")):
        before = until(up, "better", lambda status: units(status) >= 60)
    assert before["winner"] is None
    up.process.kill()
    up.process.wait()
    again = start(None)
    recalled = until(again, "better", lambda status: bool(status["arms"]))
    assert units(recalled) >= units(before)
    with users(patient(again, "late")):
        decided = until(again, "better", lambda status: status["phase"] == "Decided")
    assert decided["winner"] == "v2", decided["message"]
    assert decided["message"].startswith("v2 is best: conversions: v1 ")
    assert {arm["version"]: arm["weight"] for arm in decided["arms"]} == {"v1": 0.5, "v2": 0.5}
    assert "experiment better: v2 is best" in again.said()
    page = urllib.request.urlopen(f"{again.url}/dashboard/experiments/better", timeout=30)
    with page:
        assert b"v2 is best: conversions" in page.read()
    again.edit(manifest("v1") + EXPERIMENT.replace("guardrails", "enabled: false\n  guardrails"))
    stopped = until(again, "better", lambda status: status["phase"] == "Stopped")
    assert stopped["winner"] == "v2"
    again.wait_for("diabetes-00002 drained and stopped")
    assert set(again.versions_of([f"after-{number}" for number in range(20)]).values()) == {"v1"}


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """v1 is good; `errs` breaks on 13."""
    folder = tmp_path / "models" / "squares"
    lab.write_squares(folder / "v1")
    lab.write_version(
        folder / "errs",
        predictor="Touchy",
        inputs=[("numbers", "FP32", [-1])],
        outputs=[("squares", "FP32", [-1])],
        example=[lab.tensor("numbers", "FP32", [2.0])],
    )
    return tmp_path / "models"


def counter(up: Up, statuses: list[int]) -> Callable[[int], None]:
    """A user who asks once, one in three for the square of 13."""

    def one(number: int) -> None:
        value = 13.0 if number % 3 == 0 else 2.0
        body = {"inputs": [lab.tensor("numbers", "FP32", [value])]}
        headers = {"x-unit-id": f"user-{number}", "cache-control": "no-cache"}
        statuses.append(asked(f"{up.url}/v2/models/squares/infer", body, headers)[0])

    return one


def test_an_arm_that_errs_is_halted(start: Start, squares: Path) -> None:
    up = start(SQUARES + HARM, models=squares, environment=lab.ENVIRONMENT)
    until(up, "harm", lambda status: status["phase"] == "Running")
    statuses: list[int] = []
    with users(counter(up, statuses)):
        halted = until(up, "harm", lambda status: status["phase"] == "Halted")
        assert max(statuses) == 500
        assert "GuardrailHarm: errs against v1: errors" in halted["message"]
        assert {arm["version"]: arm["weight"] for arm in halted["arms"]} == {"v1": 1, "errs": 0}
        (condition,) = (one for one in halted["conditions"] if one["type"] == "Halted")
        assert (condition["status"], condition["reason"]) == ("True", "GuardrailHarm")
        route = until_route(up, "squares", lambda route: shares(route)["errs"] == [])
    assert (route["experiment"], shares(route)["v1"]) == ("harm", [[0, 1]])
    after: list[int] = []
    for number in range(30):
        counter(up, after)(number)
    assert set(after) == {200}


def shares(route: dict[str, Any]) -> dict[str, list[list[float]]]:
    return {arm["version"]: arm["intervals"] for arm in route["arms"]}


def test_an_experiment_over_http_has_the_same_evidence(start: Start, squares: Path) -> None:
    up = start(SQUARES, models=squares, environment=lab.ENVIRONMENT)
    body = {
        "model": "squares",
        "arms": [{"version": "v1", "weight": 1}, {"version": "errs", "weight": 1}],
        "attributionWindow": 60,
    }
    assert asked(f"{up.url}/experiments/by-hand", body, method="PUT")[0] == 200
    until(up, "by-hand", lambda status: status["phase"] == "Running")
    with users(counter(up, [])):
        status = until(up, "by-hand", lambda status: units(status) >= 40)
    assert status["exposures"] >= 40
    assert view(up, "by-hand")["spec"]["attributionWindow"] == "60s"
    until_route(up, "squares", lambda route: route["experiment"] == "by-hand")
    assert (
        asked(f"{up.url}/experiments/by-hand", {**body, "enabled": False}, method="PUT")[0] == 200
    )
    until(up, "by-hand", lambda status: status["phase"] == "Stopped")
    until_route(up, "squares", lambda route: route["experiment"] is None)
