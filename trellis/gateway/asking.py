"""What people's routes ask of a request before they act: leave, an id, a JSON body."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Admitted, Scope
from trellis.gateway.body import Body, ClientGone
from trellis.gateway.errors import BadRequest, BodyTooSlow, WrongMediaType
from trellis.gateway.headers import credentials_among
from trellis.telemetry.request_ids import take_or_make_request_id

#: Characters of what came, or of a field's name, that a sentence repeats.
_LONGEST_SHOWN = 64


def credentials_of(request: Request) -> bytes | None:
    """The value of ``x-api-key``, else of ``authorization``; None where neither came."""
    return credentials_among(dict(request.headers.raw))


async def ask_leave(
    access: Access, request: Request, scope: Scope | None, model: str | None = None
) -> Admitted:
    """The caller, if it may. Raises what ``Access.admit`` raises."""
    address = request.client.host if request.client else ""
    return await access.admit(credentials_of(request), address, scope, model)


def request_id_of(request: Request) -> str:
    """The request's id: the caller's, or one made once."""
    known: str | None = getattr(request.state, "request_id", None)
    if known is None:
        known = take_or_make_request_id(request.headers.get("x-request-id"))
        request.state.request_id = known
    return known


async def read_json(request: Request, limit: int, timeout: float) -> bytes:
    """A JSON body of at most ``limit`` bytes, as it came, within ``timeout`` seconds.

    Only ``application/json`` is taken: no page elsewhere can have a browser send it unasked.
    Raises ``WrongMediaType``, ``BadRequest``, ``TooLarge``, ``BodyTooSlow``.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise WrongMediaType(
            f"content-type {media_type[:64]!r} is not taken here; send application/json"
        )
    length = request.headers.get("content-length")
    body = Body(request.receive, limit)
    try:
        async with asyncio.timeout(timeout):
            await body.begin(length.encode("latin-1") if length is not None else None)
            return await body.read()
    except TimeoutError:
        raise BodyTooSlow(f"the request's body did not arrive within {timeout:g} s") from None
    except ClientGone:  # nobody reads this, but it is no fault of ours
        raise BadRequest("the caller left before the request's body was whole") from None


def parse_json(body: bytes) -> Any:
    """The document. Raises ``BadRequest``."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON: {error}") from None


def fault_of(error: ValidationError) -> str:
    """The first thing that does not fit, in a sentence: the field, what is wrong, what came if short."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    named = f"field {field[:_LONGEST_SHOWN]!r}: " if field else ""
    came = first["input"]
    shown = repr(came) if came is None or isinstance(came, str | int | float) else ""
    told = f", {shown} came" if 0 < len(shown) <= _LONGEST_SHOWN else ""
    return f"{named}{first['msg'].removeprefix('Value error, ')}{told}"


def answer_json(
    request: Request,
    document: object,
    admitted: Admitted | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """A JSON answer with the request's id and what admission had to say.

    ``document`` is bytes where it is JSON already.
    """
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    response = Response(body, status, headers, media_type="application/json")
    response.headers["x-request-id"] = request_id_of(request)
    tell_limits(response, admitted.headers if admitted else ())
    return response


def tell_limits(response: Response, limits: Iterable[tuple[bytes, bytes]]) -> None:
    """Put what admission had to say (``ratelimit-*``) on an answer."""
    for name, value in limits:
        response.headers[name.decode("latin-1")] = value.decode("latin-1")
