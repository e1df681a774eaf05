"""The two redis-servers of a local run: one that keeps what it took, one that may forget.

They listen on sockets of the file system alone: no port to be taken, and nobody on the network.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from trellis.local.child import Plan
from trellis.local.redis_program import redis_server_program, version_of
from trellis.local.state import StateError, StateFolder

#: As the chart's: data that outlive a power cut, and a cache of so much.
_DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
_CACHE = ("--appendonly", "no", "--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru")
_ANSWER_SECONDS = 2.0


class RedisSockets:
    """A short-lived folder for the sockets: below the state their paths might be too long."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="trellis-")

    def close(self) -> None:
        """Remove it."""
        self._folder.cleanup()

    def path(self, name: str) -> Path:
        """Where the server ``name`` listens."""
        return Path(self._folder.name) / f"{name}.sock"

    def url(self, name: str) -> str:
        """What a client connects to."""
        return f"unix://{self.path(name)}?db=0"


def durable_plan(folder: StateFolder, sockets: RedisSockets) -> Plan:
    """Jobs, events, keys and limits; its data lie in the state."""
    return _plan("redis", folder, sockets, _DURABLE)


def cache_plan(folder: StateFolder, sockets: RedisSockets) -> Plan:
    """The cache."""
    return _plan("redis-cache", folder, sockets, _CACHE)


def _plan(name: str, folder: StateFolder, sockets: RedisSockets, options: tuple[str, ...]) -> Plan:
    socket = sockets.path(name)
    data = (folder.path / name).resolve()

    def command(_http_port: int, _grpc_port: int) -> list[str]:
        # Inputs of jobs are for nobody else on this machine.
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        where = ("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700")
        return [str(redis_server_program()), *where, "--dir", str(data), "--save", "", *options]

    async def answers() -> bool:
        return await _pong(socket)

    return Plan(
        name=name,
        command=command,
        environment=dict(os.environ),
        log=folder.logs / f"{name}.log",
        ports=(0, 0),
        answers=answers,
    )


def check_data(folder: StateFolder) -> None:
    """Note whose data they are to be: an older Redis finds none in what a newer one wrote.

    Raises ``StateError`` where an older one is to run on them.
    """
    program = redis_server_program()
    file, version = folder.path / "redis-version", version_of(program)
    try:
        written = tuple(int(part) for part in file.read_text("utf-8").split("."))
    except (OSError, ValueError):
        written = ()
    if version < written[:2]:
        wanted = ".".join(map(str, written))
        raise StateError(
            f"the jobs and keys in {folder.path} were written by Redis {wanted}, and {program} is"
            f" older; put that version on the PATH, or move {folder.path / 'redis'} away"
        )
    file.write_text(".".join(map(str, version)), "utf-8")


async def _pong(socket: Path) -> bool:
    """Whether a Redis answers that has read its data."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(b"PING\r\n")
                return (await reader.readline()).startswith(b"+PONG")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
