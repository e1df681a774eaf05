"""What it takes to hold many long-polls in one process."""

import asyncio
import resource
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.gateway import around
from tests.bench.gateway.figures import Figures, at_most
from tests.bench.measure import Pace, Tell, helping, started
from tests.bench.processes import Server
from tests.bench.requests import Http
from tests.bench.rows import Contestant

KEY = "gateway-polls"
_POLLS = 2000
#: Seconds that each is ready to wait: longer than the measurement takes.
_PATIENCE = 50
_MOST_SECONDS = 40.0


def measure(scratch: Path, _pace: Pace, tell: Tell) -> Figures:
    """Jobs that nobody works on, each waited for by a connection of its own."""
    upstream, redis = around.constant(), around.redis(scratch, durable=True)
    table = around.table(scratch / "polls-table.json", around.url(upstream))
    gateway = Contestant(
        "gateway",
        "trellis",
        around.gateway(table, redis_url=around.redis_url(redis)),
        ready_path="/health",
    )
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as running:
        tell(f"{KEY}: waiting for Redis and the gateway to start")
        for place, helper in enumerate((upstream, redis)):
            running.enter_context(helping(helper, scratch / f"{KEY}-helper-{place}.log"))
        front = running.enter_context(started(gateway, scratch / f"{KEY}.log"))
        before = front.resident_mb()
        held, ended = asyncio.run(_held(front, tell))
    return Figures(
        KEY,
        "gateway, long-polls",
        (at_most(f"gateway: memory with {_POLLS:,} long-polls held", 300, held, "MB"),),
        ("long-polls", "resident MB before", "resident MB with them", "seconds to end them all"),
        ((f"{_POLLS:,}", f"{before:.0f}", f"{held:.0f}", f"{ended:.2f}"),),
        "Each waits for a job of its own over a connection of its own; all jobs are then cancelled, and each long-poll is answered by that.",
    )


async def _held(front: Server, tell: Tell) -> tuple[float, float]:
    """Resident MB while all are held, and the seconds from the first cancellation to the last answer.

    Raises ``RuntimeError`` where one was answered before its job ended.
    """
    plain = around.request()
    later = Http(plain.path, plain.body, (*plain.headers, ("prefer", "respond-async")))
    port = front.port_for(later)
    places = []
    for _ in range(_POLLS):
        head, _body = await _exchange(port, later.whole)
        places.append(_location(head))
    tell(f"{KEY}: {_POLLS:,} jobs submitted")
    polls = [asyncio.create_task(_poll(port, place)) for place in places]
    await asyncio.sleep(5)
    early = sum(poll.done() for poll in polls)
    if early:
        raise RuntimeError(f"{early} of {_POLLS} long-polls were answered at once")
    held = front.resident_mb()
    tell(f"{KEY}: {_POLLS:,} long-polls held with {held:.0f} MB")
    began = time.perf_counter()
    for place in places:
        await _exchange(port, f"DELETE {place} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    async with asyncio.timeout(_MOST_SECONDS):
        answers = await asyncio.gather(*polls)
    wrong = sum(b'"cancelled"' not in answer for answer in answers)
    if wrong:
        raise RuntimeError(f"{wrong} of {_POLLS} long-polls did not learn of the end")
    return held, time.perf_counter() - began


async def _poll(port: int, place: str) -> bytes:
    head = f"GET {place} HTTP/1.1\r\nhost: localhost\r\nprefer: wait={_PATIENCE}\r\n\r\n"
    _, body = await _exchange(port, head.encode())
    return body


async def _exchange(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to one request, over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:10] != b"2":
            raise RuntimeError(f"refused: {head[:200]!r}")
        length = int(_header(head, b"content-length"))
        return head, await reader.readexactly(length)
    finally:
        writer.close()


def _header(head: bytes, wanted: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == wanted:
            return value.strip()
    raise RuntimeError(f"no {wanted.decode()} in {head[:300]!r}")


def _location(head: bytes) -> str:
    return _header(head, b"location").decode()
