"""The ports: taken at the start or refused in one sentence, left at the end with nobody waiting."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import grpc.aio
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds in which a connection that was accepted at the last moment tells its request.
LAST_SECONDS = 0.1


class CannotListen(Exception):
    """A port cannot be had; ``str(error)`` says which and why."""


def listening_socket(host: str, port: int, setting: str = "http_port") -> socket.socket:
    """A bound TCP socket for REST; ``setting`` named the port. Raises ``CannotListen``."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"{setting} {port} cannot be listened on at {host}: {error.strerror}"
        ) from None
    listener.setblocking(False)
    return listener


def listen_grpc(server: grpc.aio.Server, host: str, port: int) -> None:
    """Bind the gRPC server's port. Raises ``CannotListen``."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        server.add_insecure_port(address)
    except RuntimeError:  # its words are a C++ stack's; the usual reason is a port in use
        raise CannotListen(f"grpc_port {port} cannot be listened on at {host}") from None


class RestServer(uvicorn.Server):
    """Uvicorn on a socket of ours, without its own signal handlers: draining comes first."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener
        #: The same listener once more: uvicorn's own is closed before it can be emptied.
        self._last = listener.dup()

    async def run_until_stopped(self) -> None:
        """Serve until ``should_exit``, then finish what was accepted."""
        try:
            await self.serve(sockets=[self._listener])
        finally:
            self._last.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing to capture."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the connections that wait in the kernel, which would be reset, and then stop."""
        for server in self.servers:
            server.close()
        waiting = []
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append(self._last.accept()[0])
        self._last.close()
        loop = asyncio.get_running_loop()
        for connection in waiting:
            connection.setblocking(False)
            await loop.connect_accepted_socket(self._protocol, connection)
        await asyncio.sleep(LAST_SECONDS)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        protocol: type[HttpToolsProtocol] = self.config.http_protocol_class  # type: ignore[assignment] # uvicorn says only that it is a protocol
        return protocol(self.config, self.server_state, self.lifespan.state)
