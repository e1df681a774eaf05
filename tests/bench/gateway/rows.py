"""The gateway's rows: passed on, and answered from the cache."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import answers
from tests.bench.gateway import around
from tests.bench.rows import Contestant, Role, Row, Target

_PEERS = "tests.bench.peers"
_NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
#: Seconds that the cache's Redis is waited for here, where it shares a core with the load: so what
#: is measured are hits, not how often a busy machine opens the circuit.
_PATIENT = 1
_KINDS: tuple[Role, ...] = ("stock", "careful")


def proxy(scratch: Path) -> Row:
    """One request to the no-op model, through proxies."""
    upstream, redis = around.constant(), around.redis(scratch, durable=True)
    table = around.table(scratch / "proxy-table.json", around.url(upstream))
    contestants = [
        Contestant(
            "trellis",
            "trellis",
            around.gateway(table, redis_url=around.redis_url(redis), **around.LIMITS),
            around.request(),
            answers.first_number,
            "/health",
        ),
        Contestant(
            "limit: bare ASGI proxy, uvicorn and aiohttp",
            "limit",
            (sys.executable, "-m", f"{_PEERS}.bare_proxy", "{http}", around.url(upstream)),
            around.request(),
            answers.first_number,
            "/",
        ),
    ]
    notes = [
        "With an experiment of two arms, metrics and a limit on each address; the predictor answers a constant, on the core of the load."
    ]
    if _NGINX:
        contestants.append(_nginx(scratch, around.url(upstream)))
        notes.append(
            "nginx needs so little that the predictor and the load limit it: read its CPU seconds."
        )
    return Row(
        "gateway-proxy",
        "gateway, V2 JSON passed on",
        tuple(contestants),
        (Target("trellis", "limit", 0.7),),
        helpers=(upstream, redis),
        notes=tuple(notes),
    )


def cache(scratch: Path) -> Row:
    """The same request again and again, answered from Redis."""
    upstream, redis = around.constant(), around.redis(scratch, durable=False)
    table = around.table(scratch / "cache-table.json", around.url(upstream))
    peers = [
        Contestant(
            f"FastAPI and redis-py, {kind}",
            kind,
            (
                *(sys.executable, "-m", f"{_PEERS}.cached_endpoint", kind, "{http}"),
                *(around.url(upstream), around.redis_url(redis)),
            ),
            around.request(),
            answers.first_number,
        )
        for kind in _KINDS
    ]
    trellis = Contestant(
        "trellis",
        "trellis",
        around.gateway(table, cache_redis_url=around.redis_url(redis), cache_timeout=_PATIENT),
        around.request(),
        answers.first_number,
        "/health",
    )
    return Row(
        "gateway-cache",
        "gateway, V2 JSON from the cache",
        (trellis, *peers),
        (Target("trellis", "stock", 3),),
        helpers=(upstream, redis),
        notes=(
            "Each answer is one GET from the same Redis, with the request's own id; no answer is kept in a process.",
        ),
    )


ROWS: dict[str, Callable[[Path], Row]] = {"gateway-proxy": proxy, "gateway-cache": cache}


def _nginx(scratch: Path, upstream: str) -> Contestant:
    """One process, connections to the predictor kept open, no log."""
    folder = scratch / "nginx"
    folder.mkdir(exist_ok=True)
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    template = f"""
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
{temporary}
  upstream predictor {{ server {upstream.removeprefix("http://")}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{{http}};
    keepalive_requests 1000000000;
    location / {{
      proxy_pass http://predictor;
      proxy_http_version 1.1;
      proxy_set_header connection "";
    }}
  }}
}}
"""
    start = "import os, sys; file = sys.argv[1]; open(file, 'w').write(sys.argv[2]); os.execv(sys.argv[3], [sys.argv[3], '-p', sys.argv[4], '-c', file])"
    return Contestant(
        "nginx",
        "limit",
        (sys.executable, "-c", start, str(folder / "conf"), template, str(_NGINX), str(folder)),
        around.request(),
        answers.first_number,
        "/",
    )
