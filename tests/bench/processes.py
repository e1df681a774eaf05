"""Contestants as processes on the server's core: start, wait, account, stop."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.requests import Grpc, Http

ROOT = Path(__file__).parents[2]
SERVER_CORE, LOAD_CORE, BOTH_CORES = "0", "1", "0,1"
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def pinned(cores: str, command: Sequence[str]) -> list[str]:
    """The command, held to these cores."""
    return ["taskset", "-c", cores, *command]


class Server:
    """A process on ``cores`` from ``start`` until the ``with`` block ends.

    ``ready_path`` answers 200 once it serves (none: the gRPC port takes connections); what it prints goes to ``log``.
    """

    def __init__(
        self,
        command: Sequence[str],
        http_port: int,
        grpc_port: int,
        ready_path: str,
        log: Path,
        cores: str = SERVER_CORE,
    ) -> None:
        self._command = pinned(cores, command)
        self._ready = f"http://127.0.0.1:{http_port}{ready_path}" if ready_path else ""
        self.http_port = http_port
        self._grpc_port = grpc_port
        self._log = log
        self._process: subprocess.Popen[bytes]
        self.seconds_to_ready = 0.0

    def __enter__(self) -> Self:
        """Start it and wait until it is ready; raises ``RuntimeError`` with its last words."""
        began = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            while not self._answers():
                if self._process.poll() is not None or time.perf_counter() - began > 120:
                    raise RuntimeError(f"{self._command} is not ready: {self._last_words()}")
                time.sleep(0.01)
        except BaseException:
            self._stop()
            raise
        self.seconds_to_ready = time.perf_counter() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def port_for(self, request: Http | Grpc) -> int:
        """Where this kind of request goes."""
        return self._grpc_port if isinstance(request, Grpc) else self.http_port

    def once(self, request: Http | Grpc) -> bytes:
        """One answer's body; raises what sending it raises."""
        return request.once(self.port_for(request))

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def resident_mb(self) -> float:
        """Resident memory in 10^6 bytes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * _PAGE / 1e6

    def peak_mb(self) -> float:
        """The most that was ever resident, in 10^6 bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6

    def settle(self) -> None:
        """Wait until what is left of the last window's requests has been computed."""
        for _ in range(300):
            before = self.cpu_seconds()
            time.sleep(0.2)
            if self.cpu_seconds() - before <= 0.02:
                return

    def _answers(self) -> bool:
        try:
            if not self._ready:
                socket.create_connection(("127.0.0.1", self._grpc_port), 5).close()
                return True
            with urllib.request.urlopen(self._ready, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _last_words(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
