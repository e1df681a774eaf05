"""What stands around a gateway that is measured: its table, predictors, Redis."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.measure import free_port
from tests.bench.processes import ROOT
from tests.bench.requests import Http, v2_json
from tests.bench.rows import Helper
from trellis.local.redis_program import redis_server_program

MODEL = "squares"
UNIT = ("x-unit-id", "somebody")
FINGERPRINT = "sha256:1"
#: A limit that nobody reaches: what is measured is that it is asked for.
LIMITS = {"address_rate": 1_000_000, "address_burst": 1_000_000}


def request() -> Http:
    """One number to the no-op model, by a unit that is assigned."""
    plain = v2_json(MODEL, "numbers", "FP32", [1], [1.5])
    return Http(plain.path, plain.body, (*plain.headers, UNIT))


def constant() -> Helper:
    """A predictor of the no-op model that answers without looking, so that it never is what limits."""
    port = free_port()
    document = {"model_name": MODEL, "model_version": "v1", "id": "1"}
    outputs = [{"name": "squares", "datatype": "FP32", "shape": [1], "data": [2.25]}]
    answer = json.dumps({**document, "outputs": outputs})
    said = (str(port), answer, FINGERPRINT)
    command = (sys.executable, "-m", "tests.bench.peers.bare_asgi", *said)
    return Helper("a predictor that answers a constant", command, port, "/")


def predictor() -> Helper:
    """The no-op model as it is served."""
    port, grpc = free_port(), free_port()
    ports = ("--http_port", str(port), "--grpc_port", str(grpc), "--host", "127.0.0.1")
    folder = str(ROOT / "models/squares/v1")
    command = (sys.executable, "-m", "trellis.serving", folder, *ports)
    return Helper("the predictor", command, port, "/v2/health/ready")


def redis(scratch: Path, *, durable: bool) -> Helper:
    """An empty Redis as the gateway is to have it: on disk at every write, or not at all."""
    port = free_port()
    folder = scratch / f"redis-{port}"
    folder.mkdir()
    kept = ("--appendonly", "yes", "--appendfsync", "always") if durable else ("--appendonly", "no")
    where = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder))
    return Helper("Redis", (str(redis_server_program()), *where, "--save", "", *kept), port)


def url(helper: Helper) -> str:
    """Where it is reached over HTTP."""
    return f"http://127.0.0.1:{helper.port}"


def redis_url(helper: Helper) -> str:
    """Where it is reached as a Redis."""
    return f"redis://127.0.0.1:{helper.port}/0"


def table(file: Path, upstream: str, shares: Sequence[float] = (0.5, 0.5)) -> Path:
    """A routing table in ``file``: an experiment on the no-op model, all its arms at ``upstream``."""
    edges = [sum(shares[:place]) for place in range(len(shares))] + [1.0]
    arms = [
        {
            "url": upstream,
            "model": MODEL,
            "version": f"v{place + 1}",
            "revision": f"{MODEL}-{place + 1}",
            "fingerprint": FINGERPRINT,
            "intervals": [[edges[place], edges[place + 1]]],
        }
        for place in range(len(shares))
    ]
    route: dict[str, Any] = {"salt": "bench", "experiment": "bench", "arms": arms}
    file.write_text(json.dumps({"version": 1, "models": {MODEL: route}}), encoding="utf-8")
    return file


def gateway(table_file: Path, **settings: object) -> tuple[str, ...]:
    """The command of a gateway, with ``{http}`` and ``{grpc}`` for its ports."""
    given = {
        "host": "127.0.0.1",
        "http_port": "{http}",
        "grpc_port": "{grpc}",
        "metrics_port": free_port(),
        "routing_table_file": table_file,
        "cookie_secret": "a secret of the benchmark",
        "log_level": "warning",
        **settings,
    }
    flags = tuple(f"--{name}={value}" for name, value in given.items())
    return (sys.executable, "-m", "trellis.gateway", *flags)
