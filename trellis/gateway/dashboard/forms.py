"""Small HTML forms, read whole and bounded."""

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

from trellis.gateway.body import Body, ClientGone
from trellis.gateway.errors import BadRequest, BodyTooSlow

MOST_BYTES = 8192
FORM_SECONDS = 10.0


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a URL-encoded form. Raises ``BadRequest``, ``TooLarge``, ``BodyTooSlow``."""
    length = request.headers.get("content-length")
    body = Body(request.receive, MOST_BYTES)
    try:
        async with asyncio.timeout(FORM_SECONDS):
            await body.begin(length.encode("latin-1") if length is not None else None)
            whole = await body.read()
        return dict(parse_qsl(whole.decode(), max_num_fields=16))
    except TimeoutError:
        raise BodyTooSlow(f"the form did not arrive within {FORM_SECONDS:g} s") from None
    except ClientGone:  # nobody reads this, but it is no fault of ours
        raise BadRequest("the caller left before the form was whole") from None
    except ValueError:
        raise BadRequest("the form cannot be read; expected few fields in UTF-8") from None
