"""Rollouts of ``trellis up``: real predictors, gateway, Redis and passes; the evidence is real too."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.local.conftest import Start, Up
from tests.integration.serving import lab

#: One in so many requests asks what the erring version cannot answer.
ONE_IN = 4
SECONDS = 180.0
ROLLOUT = """---
apiVersion: trellis.dev/v1alpha1
kind: Rollout
metadata: {name: squares}
spec:
  inferenceService: squares
  advance: noHarm
  steps:
  - {weight: 20, minimumTime: 1s}
  - {weight: 50, minimumTime: 1s}
  guardrails:
  - {metric: errors, margin: {ratio: 2}, negligible: 10%}
  - {metric: latency, over: 100ms, margin: {ratio: 2}, negligible: 10%}
"""


def manifest(version: str) -> str:
    return (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:\n"
        "  name: squares\nspec:\n  predictor:\n    model:\n"
        "      modelFormat: {name: trellis}\n"
        f"      storageUri: pvc://models/squares/{version}\n"
    ) + ROLLOUT


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """v1 and v2 are alike; `errs` breaks on 13; `slow` takes 150 ms more."""
    folder = tmp_path / "models" / "squares"
    for name in ("v1", "v2"):
        lab.write_squares(folder / name)
    for name, predictor in (("errs", "Touchy"), ("slow", "Slow")):
        lab.write_version(
            folder / name,
            predictor=predictor,
            inputs=[("numbers", "FP32", [-1])],
            outputs=[("squares", "FP32", [-1])],
            example=[lab.tensor("numbers", "FP32", [2.0])],
        )
    return tmp_path / "models"


@contextmanager
def traffic(up: Up) -> Iterator[list[int]]:
    """Users who come back, one request after another, until the block ends; their statuses."""
    done, statuses = threading.Event(), list[int]()

    def ask(worker: int) -> None:
        number = 0
        while not done.is_set():
            number += 1
            value = 13.0 if number % ONE_IN == 0 else 2.0
            body = json.dumps({"inputs": [lab.tensor("numbers", "FP32", [value])]}).encode()
            user = f"user-{worker}-{number % 400}"
            # An answer from the cache says nothing of the version behind it.
            headers = {"x-unit-id": user, "cache-control": "no-cache"}
            request = urllib.request.Request(f"{up.url}/v2/models/squares/infer", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    statuses.append(answer.status)
            except urllib.error.HTTPError as error:
                statuses.append(error.code)
                error.close()

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, worker) for worker in range(4)]
        try:
            yield statuses
        finally:
            done.set()
        for one in asking:
            one.result()


def rollout(up: Up) -> dict[str, Any]:
    """As the controller's HTTP has it."""
    place = json.loads((up.folder / "state" / "controller.json").read_text())
    headers = {"authorization": f"Bearer {place['token']}"}
    request = urllib.request.Request(f"{place['url']}/rollouts/squares", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def until(up: Up, phase: str, version: str) -> dict[str, Any]:
    """The status once the rollout of ``version`` is in ``phase``."""
    deadline = time.monotonic() + SECONDS
    while True:
        status = rollout(up)["status"]
        side = "stable" if phase == "Promoted" else "canary"
        if status["phase"] == phase and (status[side] or {}).get("version") == version:
            return dict(status)
        assert time.monotonic() < deadline, json.dumps(status, indent=1)[:4000] + up.said()
        time.sleep(0.2)


def test_a_good_version_goes_all_the_way_and_a_bad_one_comes_back(
    start: Start, versions: Path
) -> None:
    up = start(manifest("v1"), models=versions, environment=lab.ENVIRONMENT)
    with traffic(up) as statuses:
        up.edit(manifest("v2"))
        promoted = until(up, "Promoted", "v2")
        asked = len(statuses)
        assert set(statuses) == {200}
        up.edit(manifest("errs"))
        errs = until(up, "RolledBack", "errs")
        up.edit(manifest("slow"))
        slow = until(up, "RolledBack", "slow")
    moves = [entry for entry in promoted["history"] if entry["what"] in {"weight", "advanced"}]
    assert [entry["weight"] for entry in moves][:2] == [20, 50], promoted["history"]
    assert "errors" in errs["message"]
    assert "latency" in slow["message"]
    # Never more than a fifth of the users met the version that errs, one in four requests of theirs.
    failed = sum(status >= 500 for status in statuses)
    assert 0 < failed < 0.2 * (len(statuses) - asked)


def test_a_restart_in_the_middle_goes_on_with_the_evidence(start: Start, versions: Path) -> None:
    up = start(manifest("v1"), models=versions, environment=lab.ENVIRONMENT)
    with traffic(up):
        up.edit(manifest("v2").replace("noHarm", "nonInferior"))
        deadline = time.monotonic() + SECONDS
        while not (before := _requests(rollout(up))) > 100:
            assert time.monotonic() < deadline, up.said()
            time.sleep(0.2)
    up.process.kill()
    up.process.wait()
    again = start(None, models=versions, environment=lab.ENVIRONMENT)
    status = rollout(again)["status"]
    assert status["canary"]["version"] == "v2"
    assert status["weight"] in {20, 50}
    assert _requests({"status": status}) > 0.3 * before
    assert not [
        entry for entry in status["history"] if entry["weight"] == 0 and entry["what"] == "weight"
    ]
    began = [entry for entry in status["history"] if entry["what"] == "began"]
    assert len(began) == 1


def _requests(view: dict[str, Any]) -> float:
    """Units of both sides that the errors guardrail has counted."""
    verdict = view["status"].get("verdict") or {"guardrails": []}
    totals = [
        float(rail[side]["total"])
        for rail in verdict["guardrails"]
        for side in ("canary", "stable")
        if rail["name"] == "errors"
    ]
    return sum(totals)
