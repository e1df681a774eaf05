"""One row: start everybody, check that all say the same, then take turns."""

import json
import math
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import generators
from tests.bench.processes import LOAD_CORE, ROOT, SERVER_CORE, Server, pinned
from tests.bench.rows import Contestant, Helper, Row
from tests.bench.timing import Window, middle

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """Windows of at least ``seconds`` in each of ``rounds``, with ``connections`` at once."""

    rounds: int = 3
    seconds: float = 4.0
    connections: int = 32


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(contestant: Contestant, log: Path, cores: str = SERVER_CORE) -> Server:
    """Its server, to be entered; with ports of its own."""
    http, grpc = free_port(), free_port()
    command = [
        part.replace("{http}", str(http)).replace("{grpc}", str(grpc))
        for part in contestant.command
    ]
    return Server(command, http, grpc, contestant.ready_path, log, cores)


def helping(helper: Helper, log: Path, cores: str = LOAD_CORE) -> Server:
    """Its server, to be entered."""
    port = helper.port
    return Server(helper.command, port, port, helper.ready_path, log, cores)


def measure(row: Row, pace: Pace, scratch: Path, tell: Tell) -> dict[str, Window]:
    """The middle window of each contestant, by title.

    Raises ``RuntimeError`` where a contestant fails, or says something else than the others.
    """
    with ExitStack() as running:
        for place, helper in enumerate(row.helpers):
            tell(f"{row.key}: waiting for {helper.title} to start")
            running.enter_context(helping(helper, scratch / f"{row.key}-helper-{place}.log"))
        turns: dict[str, Callable[[float], Window]] = {}
        said: dict[str, str] = {}
        for place, contestant in enumerate(row.contestants):
            tell(f"{row.key}: waiting for {contestant.title} to start")
            says = contestant.says or repr
            if contestant.request is None:
                said[contestant.title] = says(_loop(contestant, 0.2))
                turns[contestant.title] = partial(_loop_window, contestant)
                continue
            log = scratch / f"{row.key}-{place}.log"
            server = running.enter_context(started(contestant, log))
            said[contestant.title] = says(server.once(contestant.request))
            turns[contestant.title] = _turn(server, contestant, pace, scratch)
        if len(set(said.values())) != 1:
            raise RuntimeError(f"{row.key}: contestants disagree: {said}")
        for title, turn in turns.items():
            tell(f"{row.key}: warming up {title}")
            turn(1.0)
        windows: dict[str, list[Window]] = {title: [] for title in turns}
        for number in range(pace.rounds):
            for title, turn in turns.items():
                window = turn(pace.seconds)
                windows[title].append(window)
                tell(
                    f"{row.key}: round {number + 1} of {pace.rounds}, {title}: {window.rate:,.1f}/s"
                )
    return {title: middle(taken) for title, taken in windows.items()}


def _turn(
    server: Server, contestant: Contestant, pace: Pace, scratch: Path
) -> Callable[[float], Window]:
    request = contestant.request
    assert request is not None
    began = time.perf_counter()
    server.once(request)
    alone = time.perf_counter() - began
    # In a shorter window a slow server would answer nobody twice.
    least = math.ceil(2 * pace.connections * alone)

    def turn(seconds: float) -> Window:
        window = generators.load(server, request, pace.connections, max(seconds, least), scratch)
        server.settle()
        return window

    return turn


def _loop_window(contestant: Contestant, seconds: float) -> Window:
    figures = json.loads(_loop(contestant, seconds))
    del figures["best"]
    return Window(**figures)


def _loop(contestant: Contestant, seconds: float) -> bytes:
    """The line of figures that the loop prints."""
    command = [part.replace("{seconds}", str(seconds)) for part in contestant.command]
    ran = subprocess.run(pinned(SERVER_CORE, command), cwd=ROOT, capture_output=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{contestant.title} failed: {ran.stderr[-2000:].decode()}")
    return ran.stdout.strip().splitlines()[-1]
