"""V1 and V2 over REST: any request for a model goes to its arm and back, streamed and unparsed.

Only the path, three headers and the query are read. What is rewritten: the model's name in the
path where the arm answers to another, and the headers of ``headers.py``.
"""

import asyncio
import time
from typing import Any, NamedTuple

import aiohttp

from trellis.gateway.answers import Send, send_error
from trellis.gateway.body import Body, ClientGone, Receive
from trellis.gateway.caller import WhileCallerWaits
from trellis.gateway.errors import FAILED, BodyTooSlow, DeadlineExceeded, GatewayError
from trellis.gateway.gate import Gate
from trellis.gateway.headers import Incoming, read_headers, returned_headers
from trellis.gateway.metering import Meters
from trellis.gateway.request_line import forwarded_path, read_request_line
from trellis.gateway.router import Target
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.settings import Settings
from trellis.gateway.units import CookieSigner, unit_of
from trellis.gateway.upstream import Upstream, failure_of
from trellis.telemetry.logs import get_logger

Scope = dict[str, Any]

#: Counted for a caller that went away: no status was sent, and it is nobody's error.
CLIENT_GONE = 499
TOO_MANY = 429


class Proxy:
    """The hot path. An ASGI application for paths under /v1/models/ and /v2/models/."""

    def __init__(
        self,
        settings: Settings,
        holder: TableHolder,
        upstream: Upstream,
        signer: CookieSigner,
        meters: Meters,
        gate: Gate,
    ) -> None:
        self._holder = holder
        self._upstream = upstream
        self._signer = signer
        self._meters = meters
        self._gate = gate
        self._unit_header = settings.unit_header.encode()
        self._limit = settings.max_body_bytes
        self._timeout = settings.request_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered or closes the connection."""
        incoming = read_headers(scope["headers"], self._unit_header)
        request_id = incoming.trace.request_id
        try:
            raw_path, query = scope["raw_path"], scope["query_string"]
            asked = read_request_line(raw_path, query)
            version = asked.version or incoming.version
            unit = unit_of(incoming.unit, incoming.cookie, request_id, self._signer)
            route = self._holder.router.route(asked.model)
            target = route.choose(unit, version, fallback=asked.fallback)
            with self._gate:
                await self._exchange(
                    target,
                    _Exchange(
                        scope["method"],
                        forwarded_path(asked, target, raw_path, query),
                        incoming,
                        version is not None,
                    ),
                    receive,
                    send,
                )
        except GatewayError as error:
            self._meters.refused(error.status)
            await Body(receive, self._limit).discard()
            await send_error(send, error, request_id)

    async def _exchange(
        self, target: Target, exchange: "_Exchange", receive: Receive, send: Send
    ) -> None:
        """The metered part: from the choice of an arm to the end of its answer."""
        started = time.perf_counter()
        target.meter.started()
        answer = _Answer(send)
        body = Body(receive, self._limit)
        request_id = exchange.incoming.trace.request_id
        code = CLIENT_GONE
        try:
            code = await self._within_deadline(target, exchange, body, answer)
        except GatewayError as error:
            code = error.status
            if answer.started:
                # Returning without an end makes the server cut the connection: the caller sees it.
                get_logger().warning("answer cut", model=target.model, problem=str(error))
            else:
                if not isinstance(error, BodyTooSlow):
                    await body.discard()
                await send_error(send, error, request_id)
        except ClientGone:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets words and the log the rest
            code = 500
            get_logger().error("proxying failed", request_id=request_id, exc_info=error)
            if not answer.started:
                await send_error(send, GatewayError(FAILED), request_id)
        finally:
            target.meter.finished(code, time.perf_counter() - started)

    async def _within_deadline(
        self, target: Target, exchange: "_Exchange", body: Body, answer: "_Answer"
    ) -> int:
        try:
            async with asyncio.timeout(self._timeout):
                await body.begin(exchange.incoming.content_length)
                with WhileCallerWaits(body):
                    return await self._pass_on(target, exchange, body, answer)
        except TimeoutError:
            if not body.arrived:
                raise BodyTooSlow(
                    f"the request's body did not arrive within {self._timeout:g} s"
                ) from None
            raise DeadlineExceeded(
                f"the model gave no whole answer within {self._timeout:g} s"
            ) from None

    async def _pass_on(
        self, target: Target, exchange: "_Exchange", body: Body, answer: "_Answer"
    ) -> int:
        whole = body.whole
        response = await self._upstream.send(
            target.arm,
            exchange.method,
            exchange.path,
            exchange.incoming.forward,
            body if whole is None else whole or None,
        )
        try:
            # The predictor's own overload is 503 to the outside: 429 is for a caller's own limit.
            status = 503 if response.status == TOO_MANY else response.status
            headers = returned_headers(
                response.raw_headers,
                exchange.incoming.trace.request_id,
                keep_version=exchange.keep_version,
            )
            content = response.content
            piece = await content.readany()
            await answer.start(status, headers)
            while not content.at_eof():
                await answer.piece(piece, more=True)
                piece = await content.readany()
            await answer.piece(piece, more=False)
        except (aiohttp.ClientError, ConnectionError) as error:
            response.close()
            raise failure_of(body) from error
        except BaseException:
            response.close()
            raise
        response.release()
        return status


class _Exchange(NamedTuple):
    method: str
    path: str
    incoming: Incoming
    keep_version: bool


class _Answer:
    """The caller's side of an answer; knows whether it began."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def piece(self, piece: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})
