"""What the gateway adds to a request's time, at half of what it can take."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.bench import generators
from tests.bench.gateway import around
from tests.bench.gateway.figures import Figures, at_most
from tests.bench.measure import Pace, Tell, helping, started
from tests.bench.processes import LOAD_CORE, ROOT, Server, pinned
from tests.bench.rows import Contestant

KEY = "gateway-overhead"


def measure(scratch: Path, pace: Pace, tell: Tell) -> Figures:
    """The same requests at the same rate, straight to the predictor and through the gateway."""
    predictor, redis = around.predictor(), around.redis(scratch, durable=True)
    table = around.table(scratch / "overhead-table.json", around.url(predictor))
    through = Contestant(
        "trellis",
        "trellis",
        around.gateway(table, redis_url=around.redis_url(redis), **around.LIMITS),
        ready_path="/health",
    )
    with ExitStack() as running:
        tell(f"{KEY}: waiting for the predictor, Redis and the gateway to start")
        for place, helper in enumerate((predictor, redis)):
            running.enter_context(helping(helper, scratch / f"{KEY}-helper-{place}.log"))
        gateway = running.enter_context(started(through, scratch / f"{KEY}.log"))
        rate = _saturation(gateway, pace, scratch, tell) / 2
        seen: dict[str, list[dict[str, float]]] = {"predictor": [], "gateway": []}
        ports = {"predictor": predictor.port, "gateway": gateway.port_for(around.request())}
        for number in range(pace.rounds):
            for who, port in ports.items():
                found = _paced(port, rate, pace, scratch)
                seen[who].append(found)
                tell(
                    f"{KEY}: round {number + 1} of {pace.rounds}, {who}: p50 {found['p50']:.2f} ms"
                )
    direct, passed = (
        {name: median(each[name] for each in seen[who]) for name in ("p50", "p95", "p99")}
        for who in ("predictor", "gateway")
    )
    added = {name: passed[name] - direct[name] for name in direct}
    return Figures(
        KEY,
        "gateway, time added",
        (
            at_most("gateway: p50 added to a call of the predictor", 1, added["p50"], "ms"),
            at_most("gateway: p99 added to a call of the predictor", 5, added["p99"], "ms"),
        ),
        ("", "p50 ms", "p95 ms", "p99 ms"),
        tuple(
            (title, *(f"{times[name]:.2f}" for name in ("p50", "p95", "p99")))
            for title, times in (
                ("the predictor", direct),
                ("through the gateway", passed),
                ("added", added),
            )
        ),
        f"The no-op predictor, {rate:,.0f} requests a second at a steady pace: half of what the gateway takes. The gateway has core 0; the predictor and the load have core 1.",
    )


def _saturation(gateway: Server, pace: Pace, scratch: Path, tell: Tell) -> float:
    """Requests a second of connections that wait for nothing but their answers."""
    windows = [
        generators.load(gateway, around.request(), pace.connections, seconds, scratch)
        for seconds in (1.0, pace.seconds)
    ]
    tell(f"{KEY}: the gateway takes {windows[-1].rate:,.0f}/s")
    return windows[-1].rate


def _paced(port: int, rate: float, pace: Pace, scratch: Path) -> dict[str, float]:
    file = scratch / "overhead-request"
    file.write_bytes(around.request().whole)
    arguments = [str(port), str(pace.connections), str(pace.seconds), str(rate), str(file)]
    command = [sys.executable, "-m", "tests.bench.load.paced", *arguments]
    ran = subprocess.run(
        pinned(LOAD_CORE, command), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise RuntimeError(f"the load failed: {ran.stderr[-1000:]}")
    figures: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    if figures["failed"] or not figures["requests"]:
        raise RuntimeError(f"answers were wrong or none came: {ran.stdout[-1000:]}")
    return figures
