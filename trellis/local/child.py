"""One supervised process: started, awaited, restarted when it dies, drained at its end."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import aiohttp

from trellis.local.backoff import Backoff
from trellis.local.last_words import last_words
from trellis.local.ports import free_ports, in_url, why_not_free

_LAUNCHER = Path(__file__).with_name("launcher.py")
_POLL_SECONDS = 0.05
_LARGEST_LOG = 10 * 1024 * 1024
#: In a row, before a process that was ready may take other ports.
_FAILED_STARTS = 2


class ChildState(StrEnum):
    """Where a process is in its life."""

    WAITING = "waiting"  #: for one of the starting places
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"  #: died; the next start is near
    DRAINING = "draining"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Plan:
    """What to run. ``command`` makes the argument list for an HTTP and a gRPC port; fixed
    ``ports`` are used as they are, else free ones are found.
    """

    name: str
    command: Callable[[int, int], list[str]]
    environment: Mapping[str, str]
    log: Path
    ports: tuple[int, int] | None = None
    host: str = "127.0.0.1"  #: where it is reached
    start_timeout: float = 120.0
    grace_period: float = 35.0
    health_path: str = "/health"
    answers: Callable[[], Awaitable[bool]] | None = None  #: where it speaks no HTTP


@dataclass
class Child:
    """Runs a ``Plan`` until ``stop``; ``on_change`` is called after each change of state.

    ``starting_places`` bounds how many processes start at once; ``None`` starts at once.
    """

    plan: Plan
    on_change: Callable[["Child"], None]
    starting_places: asyncio.Semaphore | None = None
    backoff: Backoff = field(default_factory=Backoff)
    state: ChildState = ChildState.WAITING
    reason: str = ""  #: why it restarts
    was_ready: bool = False  #: at any time since the first start
    restarts: int = 0
    since: float = field(default_factory=time.monotonic)  #: monotonic time of the last change
    start_seconds: float = 0.0  #: what the last start took until ready
    http_port: int = 0
    grpc_port: int = 0
    _failed_starts: int = 0  #: in a row
    _process: Process | None = None
    _task: asyncio.Task[None] | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where its REST is reached."""
        return f"http://{in_url(self.plan.host)}:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        """Where its gRPC is reached."""
        return f"{in_url(self.plan.host)}:{self.grpc_port}"

    @property
    def pid(self) -> int | None:
        """The process now running, if one is."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._run(), name=f"child {self.plan.name}")

    async def stop(self) -> None:
        """Ask it to drain (SIGTERM), wait, and end it after the grace period."""
        self._stopping.set()
        if self.pid is not None:
            self._change(ChildState.DRAINING)
            self._signal(signal.SIGTERM)
        if self._task is not None:
            await self._task
        self._change(ChildState.STOPPED)

    def kill(self) -> None:
        """End it at once and for good; what it was answering is lost."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            said_from, ready_seconds = 0, 0.0
            async with self._place():
                if self._stopping.is_set():
                    return
                try:
                    said_from = self._log_size()
                    await self._spawn()
                # No file descriptor, no memory, no folder: what keeps a process from starting
                # may pass, and supervision must outlive it.
                except Exception as error:  # noqa: BLE001  # whatever it is
                    problem: str | None = f"cannot be started: {error}"
                else:
                    problem = None
                    became_ready = await self._until_ready()
            if problem is not None:
                await self._rest(problem, 0.0)
                continue
            if became_ready:
                self.was_ready = True
                self._failed_starts = 0
                self.start_seconds = time.monotonic() - self.since
                self._change(ChildState.READY)
            code = await self._until_exit()
            if self._stopping.is_set():
                return
            if became_ready:
                ready_seconds = time.monotonic() - self.since
            await self._rest(self._obituary(code, said_from), ready_seconds)

    def _place(self) -> contextlib.AbstractAsyncContextManager[object]:
        return self.starting_places or contextlib.nullcontext()

    async def _spawn(self) -> None:
        if self.plan.ports:
            self.http_port, self.grpc_port = self.plan.ports
        elif not self.was_ready or self._lost_ports():
            self.http_port, self.grpc_port = free_ports(2)
        self._failed_starts += 1
        command = self.plan.command(self.http_port, self.grpc_port)
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
        self.plan.log.parent.mkdir(parents=True, exist_ok=True)
        with self.plan.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *launcher,
                *command,
                env=dict(self.plan.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C in the terminal reaches the supervisor alone.
                process_group=0,
            )
        self._change(ChildState.STARTING)
        if self._stopping.is_set():  # asked while there was no process to tell
            self._signal(signal.SIGTERM)

    def _lost_ports(self) -> bool:
        """Whether somebody else took its ports while it was down. A revision keeps them over
        restarts, so that the routing table stays true, until it failed to get them back.
        """
        if self._failed_starts < _FAILED_STARTS:
            return False
        ports = (self.http_port, self.grpc_port)
        return any(why_not_free(self.plan.host, port) is not None for port in ports)

    async def _until_ready(self) -> bool:
        """True once it answers healthy; False where it died, hung, or is to stop."""
        process = self._process
        assert process is not None  # noqa: S101  # called after _spawn
        deadline = time.monotonic() + self.plan.start_timeout
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            answers = self.plan.answers or (lambda: self._healthy(session))
            while process.returncode is None and not self._stopping.is_set():
                if await answers():
                    return process.returncode is None
                if time.monotonic() > deadline:
                    self._signal(signal.SIGKILL)
                    return False
                await asyncio.sleep(_POLL_SECONDS)
        return False

    async def _healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(self.url + self.plan.health_path) as answer:
                return answer.status == 200  # HTTP's own number
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _until_exit(self) -> int:
        """The exit code, negative for a signal; a stop waits no longer than the grace period."""
        process = self._process
        assert process is not None  # noqa: S101  # called after _spawn
        exited = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({exited, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not exited.done():
            done, _ = await asyncio.wait({exited}, timeout=self.plan.grace_period)
            if not done:
                self._signal(signal.SIGKILL)
        return await exited

    def _obituary(self, code: int, said_from: int) -> str:
        """How it ended, and its last words."""
        said = last_words(self.plan.log, said_from)
        ended = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        # What a process said long before somebody killed it does not explain its death.
        return f"{ended}: {said}" if said and code >= 0 else ended

    async def _rest(self, reason: str, ready_seconds: float) -> None:
        delay = self.backoff.next_delay(ready_seconds)
        self.restarts += 1
        self.reason = reason
        self._change(ChildState.RESTARTING)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay)

    def _log_size(self) -> int:
        """Bytes of the log so far; one that grew too large is set aside first."""
        log = self.plan.log
        size = log.stat().st_size if log.exists() else 0
        if size > _LARGEST_LOG:
            log.replace(log.with_name(log.name + ".1"))
            return 0
        return size

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _change(self, state: ChildState) -> None:
        if state is not self.state or state is ChildState.RESTARTING:
            self.state, self.since = state, time.monotonic()
            self.on_change(self)
