"""``/dashboard/events``: the panels that changed, as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

import orjson

from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.errors import GatewayError

#: Seconds after which a viewer asks again when the stream breaks.
RETRY_SECONDS = 5
#: Seconds between two looks at whether the process is ending.
END_SECONDS = 0.5


class Timed(Protocol):
    """A look; ``time`` is in seconds since 1970."""

    @property
    def time(self) -> float:
        """When it was taken."""
        ...


Seen = TypeVar("Seen", bound=Timed)


async def panel_events(
    sampler: Sampler[Seen],
    panels: Callable[[Seen], dict[str, str]],
    still_allowed: Callable[[], Awaitable[None]],
    ending: Callable[[], bool],
) -> AsyncIterator[bytes]:
    """Events for one viewer, until they leave, lose their key, or the process ends.

    A slow viewer is sent the newest look and misses those between: nothing queues for it.
    """
    loop = asyncio.get_running_loop()
    sent: dict[str, str] = {}
    yield f"retry: {RETRY_SECONDS * 1000}\n\n".encode()
    while not ending():
        snapshot = await sampler.latest()
        shown = panels(snapshot)
        changed = {name: html for name, html in shown.items() if sent.get(name) != html}
        sent = shown
        yield event("panels", {"time": snapshot.time, "panels": changed})
        until = loop.time() + sampler.every
        while not ending() and loop.time() < until:  # noqa: ASYNC110 - the end is told by a flag
            await asyncio.sleep(END_SECONDS)
        try:
            await still_allowed()
        except GatewayError:
            yield event("signed-out", {})
            return


def event(name: str, document: object) -> bytes:
    """One event; JSON has no line breaks of its own."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(document))
