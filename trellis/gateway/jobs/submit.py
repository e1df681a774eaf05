"""``Prefer: respond-async``: an infer or predict request becomes a job, answered 202 with its address.

What can be refused at once is refused here, so that a job that was accepted has something to
run: the caller, the model and version, the media type, the callback's address, the size. What
the model itself says to the input is the job's answer.
"""

import asyncio
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from trellis.gateway.access.callers import Caller
from trellis.gateway.answers import Send, send_error, send_json
from trellis.gateway.attempt import CLIENT_GONE, choose
from trellis.gateway.body import Body, ClientGone, Receive
from trellis.gateway.doorway import admit
from trellis.gateway.errors import (
    FAILED,
    BadRequest,
    BodyTooSlow,
    DoesNotFit,
    GatewayError,
    JobsDown,
    WrongMediaType,
)
from trellis.gateway.flags import flag
from trellis.gateway.headers import Incoming, read_headers
from trellis.gateway.jobs.kept import kept_headers, kept_path
from trellis.gateway.jobs.preferences import respond_async
from trellis.gateway.jobs.safe_address import AddressRefused
from trellis.gateway.jobs.types import FINAL, NewJob
from trellis.gateway.parts import Parts
from trellis.gateway.people import read_sent
from trellis.gateway.request_line import read_request_line
from trellis.gateway.units import Unit
from trellis.telemetry.logs import get_logger

Scope = dict[str, Any]

NO_JOBS = "this gateway keeps no jobs, since redis_url is not set"
#: Paths whose answer can come later: V1 predict, V2 infer, and people's.
_PREDICT = re.compile(rb"/predict(?:/([^/]+))?")
_PROTOCOL = re.compile(
    rb"/v1/models/[^/:]+(?:/versions/[^/:]+)?:predict|/v2/models/[^/:]+(?:/versions/[^/:]+)?/infer"
)
_MEDIA_TYPE = re.compile(
    r"|application/(json|octet-stream|x-www-form-urlencoded)|multipart/form-data|image/.+"
)
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")


class _Wanted(NamedTuple):
    """What the job is to answer; ``version`` and ``fallback`` as far as the head says."""

    model: str
    version: str | None
    fallback: bool
    for_people: bool


class Submissions:
    """Takes requests that prefer to be answered later; without a durable Redis it refuses them."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.jobs
        self._access = parts.access
        self._holder = parts.holder
        self._meters = parts.meters
        self._gate = parts.gate
        self._unit_header = parts.settings.unit_header.encode()
        self._limit = min(parts.settings.job_max_body_bytes, parts.settings.max_body_bytes)
        self._timeout = parts.settings.request_timeout
        self._deadline = parts.settings.job_deadline
        self._signed = parts.settings.callback_secret is not None
        self._callbacks = parts.callback_targets

    def wants(self, scope: Scope) -> bool:
        """Whether this request is an inference that its caller prefers to be answered later."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        path = scope["raw_path"]
        return respond_async(scope["headers"]) and bool(
            _PREDICT.fullmatch(path) or _PROTOCOL.fullmatch(path)
        )

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that ``wants`` recognised; whatever goes wrong is answered."""
        incoming = read_headers(scope["headers"], self._unit_header)
        request_id = incoming.trace.request_id
        body = Body(receive, self._limit, self._gate)
        try:
            with self._gate:
                await self._submit(scope, incoming, body, send)
        except GatewayError as error:
            self._meters.refused(error.status)
            if not isinstance(error, BodyTooSlow):
                await body.discard()
            await send_error(send, error, request_id)
        except ClientGone:
            self._meters.refused(CLIENT_GONE)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets words and the log the rest
            self._meters.refused(500)
            get_logger().error("submitting failed", request_id=request_id, exc_info=error)
            await send_error(send, GatewayError(FAILED), request_id)
        finally:
            body.let_go()

    async def _submit(self, scope: Scope, incoming: Incoming, body: Body, send: Send) -> None:
        if self._store is None:
            raise JobsDown(NO_JOBS)
        wanted = self._wanted(scope, incoming)
        admitted = await admit(self._access, scope, incoming.credentials, "infer", wanted.model)
        self._check_route(wanted, admitted.caller)
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        _check_media_type(content_type)
        idempotency_key = _idempotency_key(headers.get(b"idempotency-key"))
        callback = await self._callback(headers.get(b"x-callback-url"))
        whole = await self._read(body, incoming.content_length)
        if wanted.for_people:
            sent = await read_sent(content_type, whole)
            version, fallback = wanted.version or sent.version, wanted.fallback or sent.fallback
            wanted = wanted._replace(version=version, fallback=fallback)
            self._check_route(wanted, admitted.caller)
        submitted = await self._store.submit(
            NewJob(
                method="POST",
                path=kept_path(scope, wanted.model if wanted.for_people else None),
                headers=kept_headers(scope, incoming),
                body=whole,
                model=wanted.model,
                deadline_seconds=self._deadline,
                caller=admitted.caller.key_id,
                scopes=admitted.caller.scopes,
                callback=callback,
                idempotency_key=idempotency_key,
                unit=incoming.unit,
                version=None if wanted.fallback else wanted.version,
            )
        )
        location = f"/jobs/{submitted.id}"
        finished = submitted.state in FINAL
        answer = [
            (b"content-type", b"application/json"),
            (b"location", location.encode()),
            (b"preference-applied", b"respond-async"),
            (b"cache-control", b"no-store"),
            (b"x-request-id", incoming.trace.request_id.encode("latin-1")),
            *admitted.headers,
        ]
        if not finished:
            answer.append((b"retry-after", b"1"))
        document = {"id": submitted.id, "state": submitted.state, "location": location}
        await send_json(send, 200 if finished else 202, document, answer)

    def _wanted(self, scope: Scope, incoming: Incoming) -> _Wanted:
        raw_path, query = scope["raw_path"], scope["query_string"]
        people = _PREDICT.fullmatch(raw_path)
        if people is None:
            asked = read_request_line(raw_path, query)
            version = asked.version or incoming.version
            return _Wanted(asked.model, version, asked.fallback, for_people=False)
        fields = parse_qs(query.decode("latin-1"))
        version = fields.get("model_version", [None])[-1] or incoming.version
        fallback = flag(fields.get("fallback", [None])[-1], "fallback")
        model = unquote(people[1].decode("latin-1")) if people[1] else None
        model = model or self._holder.router.default_model or ""
        return _Wanted(model, version, fallback, for_people=True)

    def _check_route(self, wanted: _Wanted, caller: Caller) -> None:
        """Raises as the request itself would; which arm it will be is drawn when the job runs."""
        route = self._holder.router.route(wanted.model)
        unit = Unit(b"", sticky=False)
        choose(route, unit, wanted.version, fallback=wanted.fallback, scopes=caller.scopes)

    async def _callback(self, url: bytes | None) -> str | None:
        if url is None:
            return None
        if not self._signed:
            raise DoesNotFit(
                "x-callback-url: this gateway calls nobody; callback_secret is not set"
            )
        text = url.decode("latin-1")
        try:
            await self._callbacks.rules.check(text, self._callbacks.resolver)
        except AddressRefused as error:
            raise DoesNotFit(f"x-callback-url: {error}") from None
        return text

    async def _read(self, body: Body, content_length: bytes | None) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                await body.begin(content_length)
                whole = await body.read()
        except TimeoutError:
            raise BodyTooSlow(
                f"the request's body did not arrive within {self._timeout:g} s"
            ) from None
        if not whole:
            raise BadRequest("the body is empty; the model's input was expected")
        return whole


def _check_media_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise WrongMediaType(
            f"content-type {media_type[:64]!r} is not taken here; expected application/json, "
            "application/octet-stream, multipart/form-data or an image"
        )


def _idempotency_key(given: bytes | None) -> str | None:
    if given is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(given):
        raise BadRequest(
            f"idempotency-key has {len(given)} characters; expected 1 to 255 visible ASCII ones"
        )
    return given.decode()
