"""Real processes: a small HTTP server in Python, told by its arguments how to behave."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.local.conftest import is_running
from trellis.local.backoff import Backoff
from trellis.local.child import Child, ChildState, Plan

SERVER = """
import http.server, os, signal, sys
port, behaviour = int(sys.argv[1]), sys.argv[2]
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if behaviour == "never" else 200)
        self.end_headers()
    def log_message(self, *args):
        pass
if behaviour == "dies":
    print("the file differs", flush=True)
    sys.exit(3)
if behaviour == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""

Make = Callable[..., Child]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def child(
        behaviour: str = "fine",
        places: asyncio.Semaphore | None = None,
        log: Path = tmp_path / "child.log",
        **plan: float,
    ) -> Child:
        made = Plan(
            name="child",
            command=lambda port, _: [sys.executable, "-c", SERVER, str(port), behaviour],
            environment=dict(os.environ),
            log=log,
            **plan,  # type: ignore[arg-type]  # two of its fields are numbers
        )
        return Child(made, lambda _: None, places, Backoff(first=0.01))

    return child


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_it_becomes_ready_and_stops_at_once_when_asked(make: Make) -> None:
    child = make()
    child.start()
    await until(lambda: child.state is ChildState.READY)
    pid = child.pid
    assert pid is not None
    await child.stop()
    assert child.state is ChildState.STOPPED
    assert not is_running(pid)


async def test_one_that_is_killed_comes_back_on_its_ports(make: Make) -> None:
    child = make()
    child.start()
    await until(lambda: child.state is ChildState.READY)
    ports = (child.http_port, child.grpc_port)
    os.kill(child.pid or 0, signal.SIGKILL)
    await until(lambda: child.restarts == 1 and child.state is ChildState.READY)
    assert (child.http_port, child.grpc_port) == ports
    assert child.reason == "killed by SIGKILL"
    await child.stop()


async def test_one_whose_port_was_taken_meanwhile_comes_back_on_others(make: Make) -> None:
    child = make()
    child.backoff = Backoff(first=1.0)  # down for long enough to lose its port
    child.start()
    await until(lambda: child.state is ChildState.READY)
    taken = child.http_port
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(child.pid or 0, signal.SIGKILL)
        await until(lambda: child.pid is None)
        somebody.bind(("127.0.0.1", taken))
        somebody.listen()
        await until(lambda: child.state is ChildState.READY and child.http_port != taken)
    assert child.url.endswith(f":{child.http_port}")
    await child.stop()


async def test_one_that_cannot_be_started_is_tried_again(make: Make, tmp_path: Path) -> None:
    in_the_way = tmp_path / "logs"
    in_the_way.write_text("a file where the folder of the logs should be")
    child = make(log=in_the_way / "child.log")
    child.start()
    await until(lambda: child.restarts >= 2)
    assert child.reason.startswith("cannot be started: ")
    in_the_way.unlink()
    await until(lambda: child.state is ChildState.READY)
    # And one whose log folder is taken away while it runs.
    shutil.rmtree(in_the_way)
    before = child.restarts
    os.kill(child.pid or 0, signal.SIGKILL)
    await until(lambda: child.restarts > before and child.state is ChildState.READY)
    await child.stop()


async def test_a_killed_one_is_not_started_again(make: Make) -> None:
    child = make()
    child.start()
    await until(lambda: child.state is ChildState.READY)
    child.kill()
    await asyncio.sleep(0.5)
    assert child.pid is None
    assert child.restarts == 0
    await child.stop()


async def test_one_that_dies_at_its_start_says_why_and_tries_other_ports(make: Make) -> None:
    child = make("dies")
    child.start()
    await until(lambda: child.restarts >= 1)
    first = child.http_port
    await until(lambda: child.restarts >= 3)
    assert child.reason == "exited with 3: the file differs"
    assert child.http_port != first
    assert not child.was_ready
    await child.stop()


async def test_one_that_never_answers_healthy_is_ended_and_started_again(make: Make) -> None:
    child = make("never", start_timeout=0.3)
    child.start()
    await until(lambda: child.restarts == 1)
    assert not child.was_ready
    await child.stop()


async def test_one_that_does_not_drain_is_ended_after_the_grace_period(make: Make) -> None:
    child = make("deaf", grace_period=0.3)
    child.start()
    await until(lambda: child.state is ChildState.READY)
    pid = child.pid
    assert pid is not None
    await child.stop()
    assert not is_running(pid)


async def test_starts_are_bounded(make: Make) -> None:
    places = asyncio.Semaphore(1)
    first, second = make("never", places), make("fine", places)
    first.start()
    await until(lambda: first.state is ChildState.STARTING)
    second.start()
    await asyncio.sleep(0.2)
    assert second.state is ChildState.WAITING
    await first.stop()
    await until(lambda: second.state is ChildState.READY)
    await second.stop()


async def test_a_stop_during_the_start_leaves_no_process(make: Make) -> None:
    for delay in (0, 0.001, 0.01, 0.05):
        child = make()
        child.start()
        await asyncio.sleep(delay)
        await asyncio.wait_for(child.stop(), 10)
        assert child.pid is None
