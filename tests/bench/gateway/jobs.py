"""Jobs a second from submission to answer, and how soon a job starts when nobody else wants one."""

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench.gateway import around
from tests.bench.gateway.figures import Figures, at_least, at_most
from tests.bench.measure import Pace, Tell, free_port, helping, started
from tests.bench.processes import BOTH_CORES, ROOT, Server
from tests.bench.requests import Http
from tests.bench.rows import Contestant, Helper
from tests.bench.timing import percentiles

KEY = "gateway-jobs"
#: Jobs in one run: fewer than the backlog that a gateway allows.
_JOBS = 5000
_ALONE = 200
_MOST_SECONDS = 120.0


def measure(scratch: Path, pace: Pace, tell: Tell) -> Figures:
    """A gateway, a worker, a durable Redis and the no-op model on two cores, and so the load."""
    predictor, redis = around.predictor(), around.redis(scratch, durable=True)
    table = around.table(scratch / "jobs-table.json", around.url(predictor))
    gateway = Contestant(
        "gateway",
        "trellis",
        around.gateway(table, redis_url=around.redis_url(redis)),
        ready_path="/health",
    )
    with ExitStack() as running:
        tell(f"{KEY}: waiting for the predictor, Redis, the gateway and a worker to start")
        worker = _worker(table, redis)
        servers = [
            running.enter_context(
                helping(helper, scratch / f"{KEY}-helper-{place}.log", BOTH_CORES)
            )
            for place, helper in enumerate((predictor, redis, worker))
        ]
        front = running.enter_context(started(gateway, scratch / f"{KEY}.log", BOTH_CORES))
        port = front.port_for(around.request())
        waits = [_alone(port) for _ in range(_ALONE)]
        tell(f"{KEY}: {_ALONE} jobs one after another")
        rates = []
        before = sum(server.cpu_seconds() for server in (front, *servers))
        for number in range(pace.rounds):
            rates.append(_together(front, worker, pace, scratch))
            tell(f"{KEY}: round {number + 1} of {pace.rounds}: {rates[-1]:,.0f} jobs/s")
        spent = sum(server.cpu_seconds() for server in (front, *servers)) - before
    cpu = spent / (pace.rounds * _JOBS)
    times = percentiles(waits)
    rate = sorted(rates)[len(rates) // 2]
    return Figures(
        KEY,
        "gateway, jobs",
        (
            at_least("gateway: jobs submitted and finished", 1000, rate, "/s", 2 / cpu),
            at_most("gateway: p99 from submission to start, idle", 20, times["p99"], "ms"),
        ),
        ("jobs/s", "CPU-s per 1,000", "p50 ms to the start", "p95 ms", "p99 ms"),
        (
            (
                f"{rate:,.0f}",
                f"{1000 * cpu:.2f}",
                *(f"{times[name]:.0f}" for name in ("p50", "p95", "p99")),
            ),
        ),
        f"{_JOBS:,} jobs over {pace.connections} connections, from the first submission to the last answer; then {_ALONE} one after another, by the times that the job tells. One gateway, one worker, Redis with appendfsync always, the no-op predictor and the load share two cores.",
    )


def _worker(table: Path, redis: Helper) -> Helper:
    port = free_port()
    command = (
        *(sys.executable, "-m", "trellis.gateway.worker", f"--routing_table_file={table}"),
        *(f"--worker_port={port}", f"--redis_url={around.redis_url(redis)}"),
        *("--cookie_secret=a secret of the benchmark", "--log_level=warning", "--host=127.0.0.1"),
    )
    return Helper("a worker", command, port, "/health")


def _later() -> Http:
    plain = around.request()
    return Http(plain.path, plain.body, (*plain.headers, ("prefer", "respond-async")))


def _alone(port: int) -> float:
    """Seconds from acceptance to start of one job."""
    request = _later()
    address = f"http://127.0.0.1:{port}"
    asked = urllib.request.Request(address + request.path, request.body, dict(request.headers))
    with urllib.request.urlopen(asked, timeout=30) as answer:
        location: str = answer.headers["location"]
    poll = urllib.request.Request(address + location, headers={"prefer": "wait=30"})
    with urllib.request.urlopen(poll, timeout=60) as answer:
        job: dict[str, Any] = json.load(answer)
    if job["state"] != "succeeded":
        raise RuntimeError(f"the job is {job['state']}: {job['error']}")
    began, accepted = (
        datetime.fromisoformat(job[name]).timestamp() for name in ("started_at", "created_at")
    )
    return began - accepted


def _together(front: Server, worker: Helper, pace: Pace, scratch: Path) -> float:
    """Jobs a second until the last of them has its answer."""
    file = scratch / "jobs-request"
    file.write_bytes(_later().whole)
    port = str(front.port_for(_later()))
    arguments = [port, str(pace.connections), str(_JOBS), str(file)]
    before = _succeeded(worker)
    began = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.load.counted", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"submitting failed: {ran.stderr[-1000:]}")
    while _succeeded(worker) - before < _JOBS:
        if time.perf_counter() - began > _MOST_SECONDS:
            raise RuntimeError(f"only {_succeeded(worker) - before} of {_JOBS} jobs were finished")
        time.sleep(0.02)
    return _JOBS / (time.perf_counter() - began)


def _succeeded(worker: Helper) -> int:
    with urllib.request.urlopen(f"{around.url(worker)}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    series = 'trellis_jobs_total{state="succeeded"} '
    return sum(
        int(float(line.removeprefix(series)))
        for line in page.splitlines()
        if line.startswith(series)
    )
