"""V1 and V2 over REST: any request for a model goes to its arm and back, streamed and unparsed.

Only the path, a few headers and the query are read. What is rewritten: the model's name in the
path where the arm answers to another, and the headers of ``headers.py``.
"""

import asyncio
import time
from typing import Any

from trellis.gateway.answers import Send, send_error
from trellis.gateway.attempt import CLIENT_GONE, MET, Attempt, choose
from trellis.gateway.body import Body, ClientGone, Receive
from trellis.gateway.caller import WhileCallerWaits
from trellis.gateway.doorway import admit
from trellis.gateway.errors import (
    FAILED,
    BodyTooSlow,
    DeadlineExceeded,
    GatewayError,
    UpstreamBroke,
    UpstreamDown,
)
from trellis.gateway.exchange import Answer, Ask, Exchange
from trellis.gateway.headers import ANSWER_AS, read_headers
from trellis.gateway.parts import Parts
from trellis.gateway.request_line import read_request_line
from trellis.gateway.units import unit_of
from trellis.telemetry.logs import get_logger

Scope = dict[str, Any]


class Proxy:
    """The hot path. An ASGI application for paths under /v1/models/ and /v2/models/."""

    def __init__(self, parts: Parts) -> None:
        self._access = parts.access
        self._holder = parts.holder
        self._signer = parts.signer
        self._meters = parts.meters
        self._met = parts.exposures.met
        self._gate = parts.gate
        self._exchange = Exchange(parts.upstream, parts.cache, parts.settings)
        self._unit_header = parts.settings.unit_header.encode()
        self._limit = parts.settings.max_body_bytes
        self._timeout = parts.settings.request_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered or closes the connection."""
        incoming = read_headers(scope["headers"], self._unit_header)
        request_id = incoming.trace.request_id
        limits: list[tuple[bytes, bytes]] = []
        try:
            raw_path, query = scope["raw_path"], scope["query_string"]
            asked = read_request_line(raw_path, query)
            admitted = await admit(self._access, scope, incoming.credentials, "infer", asked.model)
            caller, limits = admitted
            version = asked.version or incoming.version
            unit = unit_of(incoming.unit, incoming.cookie, caller.key_id, request_id, self._signer)
            route = self._holder.router.route(asked.model)
            choice = choose(route, unit, version, fallback=asked.fallback, scopes=caller.scopes)
            kind = asked.inference if scope["method"] == "POST" else None
            if version is None:
                incoming.forward[ANSWER_AS] = asked.model
            with self._gate:
                await self._answer(
                    Attempt(route, choice, request_id, scope.get(MET, self._met) if kind else None),
                    Ask(
                        scope["method"],
                        raw_path,
                        query,
                        asked,
                        incoming,
                        kind,
                        version is not None,
                        limits,
                        asyncio.get_running_loop().time() + self._timeout,
                    ),
                    receive,
                    send,
                )
        except GatewayError as error:
            self._meters.refused(error.status)
            await Body(receive, self._limit).discard()
            await send_error(send, error, request_id, limits)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets words and the log the rest
            self._meters.refused(500)
            get_logger().error("proxying failed", request_id=request_id, exc_info=error)
            await send_error(send, GatewayError(FAILED), request_id, limits)

    async def _answer(self, attempt: Attempt, ask: Ask, receive: Receive, send: Send) -> None:
        """The metered part: from the choice of an arm to the end of its answer."""
        answer = Answer(send)
        body = Body(receive, self._limit, self._gate)
        request_id = ask.incoming.trace.request_id
        code = CLIENT_GONE
        try:
            code = await self._within_deadline(attempt, ask, body, answer)
        except GatewayError as error:
            code = error.status
            answer.excused |= not self._blames_arm(error, body, answer)
            if answer.started:
                # Returning without an end makes the server cut the connection: the caller sees it.
                model = attempt.target.model
                get_logger().warning("answer cut", model=model, problem=str(error))
            else:
                if not isinstance(error, BodyTooSlow):
                    await body.discard()
                await send_error(send, error, request_id, ask.limits)
        except ClientGone:
            # Who leaves within a body that is streamed has asked nothing that could be answered.
            attempt.asked &= body.arrived
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets words and the log the rest
            code = 500
            answer.excused = True
            get_logger().error("proxying failed", request_id=request_id, exc_info=error)
            if not answer.started:
                await send_error(send, GatewayError(FAILED), request_id, ask.limits)
        finally:
            body.let_go()
            attempt.finish(code, cached=answer.cached, excused=answer.excused)

    async def _within_deadline(self, attempt: Attempt, ask: Ask, body: Body, answer: Answer) -> int:
        try:
            async with asyncio.timeout_at(ask.deadline):
                await body.begin(ask.incoming.content_length)
                with WhileCallerWaits(body):
                    return await self._exchange.run(attempt, ask, body, answer)
        except TimeoutError:
            if not body.arrived:
                raise BodyTooSlow(
                    f"the request's body did not arrive within {self._timeout:g} s"
                ) from None
            raise DeadlineExceeded(
                f"the model gave no whole answer within {self._timeout:g} s"
            ) from None

    def _blames_arm(self, error: GatewayError, body: Body, answer: Answer) -> bool:
        """Whether a failure is the arm's: not where a caller took the time, sending or reading."""
        if isinstance(error, DeadlineExceeded):
            waited = time.monotonic() - body.arrived_at
            return not answer.started and waited > self._timeout / 2
        return isinstance(error, UpstreamBroke | UpstreamDown)
