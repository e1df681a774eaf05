"""Headers that keep a page to what this gateway itself serves."""

from collections.abc import Awaitable, Callable
from typing import Any

from trellis.gateway.answers import Send
from trellis.gateway.body import Receive

#: No inline script or style and nothing off-site. ``blob:`` shows a picture before it is sent,
#: ``data:`` the icons in Swagger UI's style sheet.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_POLICY = b"content-security-policy"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: with that a browser sends our own forms from an origin called "null".
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
#: In lower case, for whoever repeats an answer that has them.
NAMES = frozenset(name for name, _ in _HEADERS)


class SecurityHeaders:
    """Adds the headers to every answer of ``app``; one with a policy of its own keeps that."""

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on and add to what comes back."""

        async def add(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                if not any(name == _POLICY for name, _ in own):
                    own.append((_POLICY, CONTENT_SECURITY_POLICY.encode()))
                message["headers"] = [*own, *_HEADERS]
            await send(message)

        await self._app(scope, receive, add)
