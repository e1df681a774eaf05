"""Versions by hand, experiments, jobs and the Redis of a local run, through the gateway."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.integration.gateway import processes
from tests.integration.local.conftest import BODY, Start, Up, manifest


def ask(
    up: Up, method: str, path: str, document: Any = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Status and JSON document of an answer."""
    body = document if isinstance(document, bytes) else json.dumps(document or {}).encode()
    sent = {"content-type": "application/json", **headers}
    status, _, answer = processes.ask(
        method, up.url + path, None if method == "GET" else body, sent
    )
    return status, json.loads(answer)


def until_served_by(up: Up, versions: set[str]) -> None:
    """Until 40 users are answered by exactly these versions."""
    deadline = time.monotonic() + 60
    while True:
        served = {up.version_of(f"user-{number}") for number in range(40)}
        if served == versions:
            return
        assert time.monotonic() < deadline, (served, up.said())
        time.sleep(0.2)


def test_a_version_is_activated_and_rolled_back_by_hand(start: Start) -> None:
    up = start(manifest("v1"))
    status, model = ask(up, "POST", "/models/diabetes/versions/v2:activate")
    assert status == 202, model
    until_served_by(up, {"v2"})
    status, model = ask(up, "POST", "/models/diabetes/versions/v2:rollback")
    assert status == 202, model
    until_served_by(up, {"v1"})
    status, refused = ask(up, "POST", "/models/diabetes/versions/v9:activate")
    assert (status, refused["error"]) == (
        404,
        "model 'diabetes' has no version 'v9'; known are: v1, v2",
    )


def test_an_experiment_shares_users_and_ends(start: Start) -> None:
    up = start(manifest("v1"))
    arms = [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]
    experiment = {"model": "diabetes", "arms": arms}
    status, stored = ask(up, "PUT", "/experiments/forest", experiment)
    assert status == 200, stored
    until_served_by(up, {"v1", "v2"})
    first = {f"user-{n}": up.version_of(f"user-{n}") for n in range(20)}
    assert first == {user: up.version_of(user) for user in first}
    deadline = time.monotonic() + 30
    while True:
        _, told = ask(up, "GET", "/experiments/forest/status")
        if sum(arm["exposures"] for arm in told["arms"]) >= 40:
            break
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    status, _ = ask(up, "PUT", "/experiments/forest", {**experiment, "enabled": False})
    assert status == 200
    until_served_by(up, {"v1"})


def test_a_job_outlives_its_redis_and_its_worker(start: Start) -> None:
    up = start(manifest("v1"))
    jobs = []
    for name in ("redis-server", "trellis.gateway.worker"):
        jobs.append(submitted(up))
        os.kill(child(up, name), signal.SIGKILL)
        up.wait_for("killed by SIGKILL; starting it again", times=len(jobs))
    deadline = time.monotonic() + 90
    for location in jobs:
        while True:
            status, job = ask(up, "GET", location, prefer="wait=5")
            if job.get("state") == "succeeded":
                break
            assert status in {200, 503}, job
            assert time.monotonic() < deadline, (job, up.said())


def submitted(up: Up) -> str:
    """Where the job is that was accepted; a Redis that is away is told by 503."""
    deadline = time.monotonic() + 60
    while True:
        status, job = ask(up, "POST", "/v2/models/diabetes/infer", BODY, prefer="respond-async")
        if status == 202:
            location: str = job["location"]
            return location
        assert status == 503, job
        assert time.monotonic() < deadline, (job, up.said())
        time.sleep(0.2)


def child(up: Up, name: str) -> int:
    """The child process whose command line has this word; of the Redis, the durable one."""
    if name != "redis-server":
        return up.running(name)
    folder = str((up.folder / "state" / "redis").resolve())
    for pid in up.children:
        words = Path(f"/proc/{pid}/cmdline").read_text()
        if "redis-server" in words and Path(f"/proc/{pid}/cwd").resolve() == Path(folder):
            return pid
    raise AssertionError("no redis-server runs in the state")
