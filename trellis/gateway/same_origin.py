"""Refuses what another site's page makes a visitor's browser send.

Browsers say where a request comes from (``Sec-Fetch-Site``; older ones ``Origin``); a program
that is no browser says neither and is let through, since nobody can make it send anything.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from trellis.gateway.answers import Send, send_error
from trellis.gateway.body import Receive
from trellis.gateway.errors import Forbidden
from trellis.telemetry.request_ids import take_or_make_request_id

_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


class SameOrigin:
    """Answers 403 to a request of another origin that could change something in ``app``."""

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in _SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if from_here(headers):
            await self._app(scope, receive, send)
            return
        refusal = Forbidden("a page of another site sent this request; it was not carried out")
        await send_error(send, refusal, take_or_make_request_id(headers.get(b"x-request-id")))


def from_here(headers: dict[bytes, str]) -> bool:
    """Whether no browser says that another origin's page is behind the request.

    Names are in lower case. The scheme is left out of the comparison: behind a proxy that ends
    TLS, this process sees another one than the browser.
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get(b"origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == headers.get(b"host", "").lower() != ""
    except ValueError:
        return False
