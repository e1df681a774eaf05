"""Several worker processes on the same ports, with one metrics page.

Each worker is a whole server that listens with SO_REUSEPORT; the kernel shares connections out
among them. The parent starts them again when they die, and passes signals on. A worker holds the
read end of a pipe: when the parent dies, however it dies, the pipe ends and the worker drains.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from trellis.telemetry import logs

#: Where a worker finds its end of the parent's pipe.
WORKER = "TRELLIS_WORKER"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_PAUSES = (0.2, 30.0)


@dataclass(slots=True)
class _Place:
    """One of the workers, and when it may be started again."""

    worker: subprocess.Popen[bytes]
    pause: float = _PAUSES[0]
    due: float | None = None


class Workers:
    """``count`` processes of ``command``; ``grace`` seconds for each to end after SIGTERM."""

    def __init__(self, command: list[str], count: int, grace: float) -> None:
        self._command = command
        self._count = count
        self._grace = grace
        self._log = logs.get_logger()
        self._stopping = False
        self._settled = False

    def stop(self) -> None:
        """End ``run`` soon."""
        self._stopping = True

    def run(self) -> int:
        """Keep the workers running until ``stop``.

        Returns the exit code: 0, or a worker's where one refused to start before any was ready (its
        settings or its models are at fault, and starting again would not help).
        """
        with tempfile.TemporaryDirectory(prefix="trellis-metrics-") as directory:
            kept, held = os.pipe()
            environment = os.environ | {_FOLDER: directory, WORKER: str(kept)}
            places = [_Place(self._start(environment, kept)) for _ in range(self._count)]
            code = 0
            while not self._stopping and not code:
                time.sleep(0.1)
                for place in places:
                    code = code or self._look_after(place, directory, environment, kept)
            self._end(places)
            os.close(held)
            os.close(kept)
        return code

    def _look_after(
        self, place: _Place, directory: str, environment: dict[str, str], pipe: int
    ) -> int:
        now = time.monotonic()
        if place.due is not None:
            if now >= place.due:
                place.worker, place.due = self._start(environment, pipe), None
            return 0
        was_ready = _ready_file(directory, place.worker.pid).exists()
        self._settled = self._settled or was_ready
        if place.worker.poll() is None:
            return 0
        _forget(place.worker.pid, directory)
        code = place.worker.returncode
        if code > 0 and not self._settled:
            return code
        place.pause = _PAUSES[0] if was_ready else min(2 * place.pause, _PAUSES[1])
        place.due = now + place.pause
        self._log.error("worker died", pid=place.worker.pid, code=code, again_in=place.pause)
        return 0

    def _start(self, environment: dict[str, str], pipe: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, env=environment, pass_fds=(pipe,))  # noqa: S603 - our own module and arguments

    def _end(self, places: list[_Place]) -> None:
        for place in places:
            place.worker.terminate()
        until = time.monotonic() + self._grace
        for place in places:
            try:
                place.worker.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._log.error("worker did not end", pid=place.worker.pid)
                place.worker.kill()
                place.worker.wait()


def run_workers(count: int, arguments: list[str], log_level: str, grace: float) -> int:
    """Run ``count`` workers with the command's own ``arguments`` until SIGTERM or SIGINT.

    ``grace`` in seconds, from the signal to the end. Returns the exit code.
    """
    logs.configure("trellis.serving.workers", log_level)
    workers = Workers([sys.executable, "-m", "trellis.serving", *arguments], count, grace)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: workers.stop())
    return workers.run()


def tell_ready() -> None:
    """What one of several workers tells its parent once it serves."""
    _ready_file(os.environ[_FOLDER], os.getpid()).touch()


def _ready_file(directory: str, pid: int) -> Path:
    return Path(directory) / f"{pid}.ready"


def _forget(pid: int, directory: str) -> None:
    from prometheus_client import multiprocess

    _ready_file(directory, pid).unlink(missing_ok=True)
    multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]  # untyped upstream
