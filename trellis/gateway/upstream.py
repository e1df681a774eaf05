"""Calls a revision over pooled HTTP/1.1 connections, within a deadline.

A request is tried again only while nothing of it was sent: a refused connection is tried until
``connect_wait`` has passed, so a predictor that restarts costs nobody an error. Once bytes have
left, the predictor may have begun, and its failure is the caller's to see.
"""

import asyncio
import random
import select
from typing import Any
from weakref import WeakSet

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from trellis.contracts.routing_table import TAG_HEADER, Arm
from trellis.gateway.body import Body
from trellis.gateway.errors import UpstreamBroke, UpstreamDown

#: Seconds an unused connection is kept: well under the 65 s after which a predictor closes it
#: (its ``timeout_keep_alive``), for a request must not meet a connection about to close.
KEEPALIVE_SECONDS = 30.0
#: Seconds between two attempts to connect: doubled from the first to the second.
CONNECT_PAUSE = (0.02, 0.25)


class _FreshConnector(aiohttp.TCPConnector):
    """Hands out no pooled connection whose other end has closed it.

    A killed predictor's connections stay in the pool until the loop reads their end. Nothing
    may have arrived on an unused connection, so one that can be read is dead: looking (one
    ``poll``) spares the request that would have been written into it. A connection that was never
    used is handed out as it is: a peer that closes each one at once fails the request, and is not
    connected to for ever.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._handed_out: WeakSet[object] = WeakSet()

    async def connect(
        self, req: Any, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol not in self._handed_out:
                self._handed_out.add(protocol)
                return connection
            if not _readable(connection.transport):
                return connection
            connection.close()


def _readable(transport: asyncio.Transport | None) -> bool:
    if transport is None:
        return True
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def new_session() -> aiohttp.ClientSession:
    """A client that changes nothing: no cookies, no redirects of its own, bodies as they come.

    The number of connections is bounded by the gateway's limit of requests in flight.
    """
    return aiohttp.ClientSession(
        connector=_FreshConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        trust_env=False,
        read_bufsize=2**18,
    )


class Upstream:
    """Sends requests to arms. ``connect_wait`` in seconds."""

    def __init__(self, session: aiohttp.ClientSession, connect_wait: float) -> None:
        self._session = session
        self._connect_wait = connect_wait

    async def send(
        self,
        arm: Arm,
        method: str,
        path: str,
        headers: CIMultiDict[str],
        body: bytes | Body | None = None,
        wait: float | None = None,
    ) -> aiohttp.ClientResponse:
        """Send one request; returns the response with its headers read and its body not yet.

        Parameters: ``path``, percent-encoded and with its query; ``headers``, the caller's
        choice whole (Host is added where the arm has one of its own); ``wait``, seconds for a
        connection where less than ``connect_wait`` is wanted. The caller closes the
        response and sets the deadline around the call. Raises ``UpstreamDown`` where nothing
        was sent, ``UpstreamBroke`` where something was; the body's own ``failure`` goes first.
        """
        for name, value in (("host", arm.host), (TAG_HEADER, arm.tag)):
            if value:
                headers[name] = value
            elif name in headers:
                # Of the arm that took no connection before this one; or a caller's own tag, which would
                # hide the request from a rollout.
                del headers[name]
        url = URL(arm.url + path, encoded=True)
        loop = asyncio.get_running_loop()
        wait = self._connect_wait if wait is None else min(wait, self._connect_wait)
        give_up = loop.time() + wait
        pause = CONNECT_PAUSE[0]
        while True:
            data = body.stream() if isinstance(body, Body) else body
            try:
                return await self._session.request(
                    method, url, headers=headers, data=data, allow_redirects=False
                )
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                left = give_up - loop.time()
                if left <= 0:
                    raise UpstreamDown(
                        f"the model's predictor took no connection for {wait:g} s; nothing was sent"
                    ) from None
                await asyncio.sleep(min(left, pause * random.uniform(0.5, 1)))
                pause = min(2 * pause, CONNECT_PAUSE[1])
            except (aiohttp.ClientError, ConnectionError) as error:
                raise failure_of(body) from error


def failure_of(body: bytes | Body | None) -> Exception:
    """Why an exchange broke after it began: the body's own failure, else ``UpstreamBroke``."""
    if isinstance(body, Body) and body.failure is not None:
        return body.failure
    return UpstreamBroke("the model's predictor closed the connection before its answer was whole")
