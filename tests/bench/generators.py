"""Runs a load generator on the other core: wrk for HTTP where it is installed, else our own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.processes import LOAD_CORE, ROOT, Server, pinned
from tests.bench.requests import GRPC_PATH, Grpc, Http
from tests.bench.timing import Window

WRK = shutil.which("wrk")
_SCRIPT = Path(__file__).parent / "load" / "wrk.lua"


def name() -> str:
    """What loads HTTP here."""
    if WRK is None:
        return "tests/bench/load/http1.py (wrk is not installed)"
    told = subprocess.run([WRK, "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(told.split()[:2])


def load(
    server: Server, request: Http | Grpc, connections: int, seconds: float, scratch: Path
) -> Window:
    """One window; raises ``RuntimeError`` where any answer was wrong or none came."""
    command, environment = _command(
        server.port_for(request), request, connections, seconds, scratch
    )
    before = server.cpu_seconds()
    ran = subprocess.run(
        pinned(LOAD_CORE, command),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    spent, resident = server.cpu_seconds() - before, server.resident_mb()
    if ran.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {ran.stderr[-1000:]}")
    figures: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    if figures.pop("failed") or not figures["requests"]:
        raise RuntimeError(f"answers were wrong or none came: {ran.stdout[-1000:]}")
    return Window(**figures, cpu_seconds=spent, resident_mb=resident)


def _command(
    port: int, request: Http | Grpc, connections: int, seconds: float, scratch: Path
) -> tuple[list[str], dict[str, str]]:
    """Command line and environment of the generator for this request."""
    body = scratch / "body"
    module = [sys.executable, "-m"]
    tail = [str(port), str(connections), str(seconds)]
    if isinstance(request, Grpc):
        body.write_bytes(request.message)
        return [*module, "tests.bench.load.http2", *tail, GRPC_PATH, str(body)], {}
    if WRK is None:
        body.write_bytes(request.whole)
        return [*module, "tests.bench.load.http1", *tail, str(body)], {}
    body.write_bytes(request.body)
    headers = [part for key, value in request.headers for part in ("-H", f"{key}: {value}")]
    wrk = [WRK, "-t1", f"-c{connections}", f"-d{round(seconds)}s", "--timeout", "120s", *headers]
    url = f"http://127.0.0.1:{port}{request.path}"
    return [*wrk, "-s", str(_SCRIPT), url], {"BENCH_BODY": str(body)}
