"""Several worker processes on the same ports, with one metrics page.

Each worker is a whole server that listens with SO_REUSEPORT; the kernel shares connections out
among them. The parent starts them again when they die, and passes signals on.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from trellis.telemetry import logs

#: A worker that dies sooner than this is started again only after as long.
_SETTLED = 5.0
WORKER = "TRELLIS_WORKER"


def run_workers(count: int, arguments: list[str], log_level: str) -> int:
    """Run ``count`` workers with the command's own ``arguments`` until told to stop.

    Returns the exit code: 0, or a worker's where one died before it had settled.
    """
    logs.configure("trellis.serving.workers", log_level)
    log = logs.get_logger()
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopping.append(number))
    with tempfile.TemporaryDirectory(prefix="trellis-metrics-") as directory:
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": directory, WORKER: "1"}
        command = [sys.executable, "-m", "trellis.serving", *arguments]
        workers = [(_start(command, environment), time.monotonic()) for _ in range(count)]
        code = 0
        while not stopping:
            time.sleep(0.1)
            for place, (worker, started) in enumerate(workers):
                if worker.poll() is None:
                    continue
                _forget(worker.pid, directory)
                log.error("worker died", pid=worker.pid, code=worker.returncode)
                if time.monotonic() - started < _SETTLED:
                    code = worker.returncode or 1
                    stopping.append(signal.SIGTERM)
                    break
                workers[place] = (_start(command, environment), time.monotonic())
        for worker, _ in workers:
            worker.terminate()
        for worker, _ in workers:
            worker.wait()
    return code


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environment)  # noqa: S603 - our own module and arguments


def _forget(pid: int, directory: str) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]  # untyped upstream
