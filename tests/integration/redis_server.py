"""Real redis-servers of the tests: Debian's and the wheel's, killed and started again at will."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.integration.ports import free_port
from trellis.local.redis_program import packaged_redis_server

START_SECONDS = 20.0


def programs() -> list[Path]:
    """Every redis-server here, the oldest first: 6.2 of the wheel, and the one on the PATH."""
    found = shutil.which("redis-server")
    return [packaged_redis_server(), *([Path(found)] if found else [])]


class RedisServer:
    """One redis-server on a free port of 127.0.0.1; with ``durable`` it survives ``kill``."""

    def __init__(
        self, folder: Path, program: Path | None = None, *, durable: bool = True, options: str = ""
    ) -> None:
        self.port = free_port()
        self.folder = folder / f"redis-{self.port}"
        self.folder.mkdir(parents=True)
        self._program = program or programs()[-1]
        kept = "yes --appendfsync always" if durable else "no"
        self._options = f"--appendonly {kept} --save '' {options}".replace("''", '""').split()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start it, with what it kept, and wait until it answers."""
        with (self.folder / "redis.log").open("ab") as log:
            self._child = subprocess.Popen(
                [
                    str(self._program),
                    *("--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--dir", str(self.folder)),
                    *(word.strip('"') for word in self._options),
                ],
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self._child.poll() is None, (self.folder / "redis.log").read_text()
            if self._answers():
                return
            time.sleep(0.02)
        raise AssertionError((self.folder / "redis.log").read_text())

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP hangs it, SIGCONT lets it go on."""
        assert self._child is not None
        self._child.send_signal(number)

    def kill(self) -> None:
        """As kill -9 does."""
        assert self._child is not None
        self._child.kill()
        self._child.wait(10)

    def stop(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGCONT)
            self._child.terminate()
            self._child.wait(20)
