"""Lets a refusal reach a caller that is still sending.

A connection that is closed on unread bytes is reset, and the caller would lose the answer that
says why. So what is left of a refused request's body is read first, for a moment.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from trellis.gateway.answers import Send
from trellis.gateway.body import Body, Receive
from trellis.gateway.errors import BodyTooSlow


class UnreadBodies:
    """Reads on before an error of ``app``, unless it says that the body was too slow."""

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on; hold an error back until its request is whole."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived = False

        async def noted() -> Any:
            nonlocal arrived
            message = await receive()
            arrived = arrived or not message.get("more_body", False)
            return message

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start" and not arrived:
                status = message["status"]
                if status >= HTTPStatus.BAD_REQUEST and status != BodyTooSlow.status:
                    await Body(noted, 0).discard()
            await send(message)

        await self._app(scope, noted, told)
