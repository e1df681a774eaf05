"""Refuses requests that come by a name which is not the gateway's.

A page of another site may have its own name lead to this machine (DNS rebinding): to the browser
the gateway is then that site's, and nothing of what tells sites apart helps. Where no key is asked
for, the name that was asked by is what is left to look at.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from trellis.gateway.answers import Send, send_error
from trellis.gateway.body import Body, Receive
from trellis.gateway.errors import Forbidden
from trellis.telemetry.request_ids import take_or_make_request_id

#: Names whose judgement is remembered.
_MOST_NAMES = 256


class AllowedHosts:
    """Answers 403 to a request for ``app`` by another name than this machine's own, an address, or
    one of ``names``: comma-separated, as ``*.example.com`` too.

    A request without the header ``host`` passes: no browser sends one.
    """

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]], names: str) -> None:
        self._app = app
        self._allowed = lru_cache(_MOST_NAMES)(HostNames(names).allow)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"host" and not self._allowed(value):
                await self._refuse(scope, value, receive, send)
                return
        await self._app(scope, receive, send)

    async def _refuse(self, scope: Any, host: bytes, receive: Receive, send: Send) -> None:
        refusal = Forbidden(
            f"host {host[:64].decode('latin-1')!r} is no name of this gateway; allowed_hosts lists those that it goes by"
        )
        await Body(receive, 0).discard()
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        await send_error(send, refusal, take_or_make_request_id(given))


class HostNames:
    """Names that a gateway goes by. Raises ``ValueError`` for what is no list of names."""

    def __init__(self, names: str) -> None:
        self._names = [name.strip().lower() for name in names.split(",") if name.strip()]
        for name in self._names:
            if not name.replace("*", "a").replace("-", "a").replace(".", "a").isalnum():
                raise ValueError(
                    f"{name[:64]!r} is no host name; expected names without a port, as gateway.example.com or *.example.com"
                )

    def allow(self, host: bytes) -> bool:
        """Whether a header ``host`` names this machine itself, an address, or one of the names."""
        text = host.decode("latin-1").lower()
        name = text[: text.rindex(":")] if ":" in text and not text.endswith("]") else text
        name = name.strip("[]").removesuffix(".")
        if name == "localhost" or name.endswith(".localhost") or _is_address(name):
            return True
        return any(fnmatchcase(name, known) for known in self._names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
