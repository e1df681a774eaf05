"""What the HTTP client does with connections that die, over real sockets."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from multidict import CIMultiDict

from tests.integration.ports import free_port
from trellis.contracts.routing_table import Arm
from trellis.gateway.errors import UpstreamBroke, UpstreamDown
from trellis.gateway.upstream import Upstream, new_session

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class OneAnswerServer:
    """Answers the first request of each connection and closes it.

    ``silent`` closes unanswered, ``deaf`` without even reading.
    """

    def __init__(self) -> None:
        self.silent = False
        self.deaf = False
        self.requests: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self.requests.append(b"" if self.deaf else connection.recv(65_536))
                if not self.silent and not self.deaf:
                    connection.sendall(ANSWER)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[OneAnswerServer]:
    running = OneAnswerServer()
    yield running
    running.close()


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with new_session() as session:
        yield Upstream(session, connect_wait=0.3)


def arm(port: int) -> Arm:
    return Arm(url=f"http://127.0.0.1:{port}", model="m", version="v1", revision="r")


async def post(upstream: Upstream, port: int) -> bytes:
    response = await upstream.send(arm(port), "POST", "/x", CIMultiDict(), b"body")
    async with response:
        return await response.read()


async def test_a_pooled_connection_that_died_unseen_is_not_written_into(
    upstream: Upstream, server: OneAnswerServer
) -> None:
    for _ in range(5):
        assert await post(upstream, server.port) == b"ok"
        # Blocks the loop on purpose: it cannot see the connection's end before the next request.
        time.sleep(0.05)  # noqa: ASYNC251 - see above
    assert len(server.requests) == 5


async def test_what_was_sent_is_never_sent_again(
    upstream: Upstream, server: OneAnswerServer
) -> None:
    server.silent = True
    with pytest.raises(UpstreamBroke):
        await post(upstream, server.port)
    assert len(server.requests) == 1


async def test_a_refused_connection_is_tried_until_the_wait_is_over(upstream: Upstream) -> None:
    started = time.monotonic()
    with pytest.raises(UpstreamDown, match=r"took no connection for 0.3 s; nothing was sent"):
        await post(upstream, free_port())
    assert time.monotonic() - started >= 0.3


async def test_a_peer_that_accepts_and_closes_is_broken_and_not_connected_to_again(
    upstream: Upstream, server: OneAnswerServer
) -> None:
    server.deaf = True
    async with asyncio.timeout(20):
        for _ in range(20):
            with pytest.raises(UpstreamBroke):
                await post(upstream, server.port)
    assert server.requests == [b""] * 20
