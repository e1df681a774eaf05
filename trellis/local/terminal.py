"""Where the view goes: a live screen on a terminal, plain lines elsewhere."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from rich.console import Console
from rich.live import Live

from trellis.local.events import Event
from trellis.local.view import Screen, event_line, render

_FRAME_SECONDS = 0.25


class Output(Protocol):
    """Shows what happens until cancelled."""

    def on_event(self, event: Event) -> None:
        """Take one event."""

    async def run(self, screen: Callable[[], Screen]) -> None:
        """Show what ``screen`` gives, again and again."""


class LiveScreen:
    """One screen, drawn anew four times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_event(self, event: Event) -> None:
        """The next frame has it."""

    async def run(self, screen: Callable[[], Screen]) -> None:
        """Draw until cancelled; the last frame stays on the terminal."""
        # Drawn from this loop, not from rich's thread: the state belongs to the loop.
        with Live(console=self._console, auto_refresh=False, transient=False) as live:
            try:
                while True:
                    live.update(render(screen(), self._console.width), refresh=True)
                    await asyncio.sleep(_FRAME_SECONDS)
            finally:
                live.update(render(screen(), self._console.width), refresh=True)


class PlainLines:
    """Each event as a line; what is waited for, when that changes; the addresses once."""

    def on_event(self, event: Event) -> None:
        """Print it at once."""
        print(event_line(event), flush=True)

    async def run(self, screen: Callable[[], Screen]) -> None:
        """Print what is new, until cancelled."""
        last, told_where = "", False
        while True:
            now = screen()
            if now.headline != last:
                last = now.headline
                print(now.headline, flush=True)
                if now.ready and not told_where:
                    told_where = True
                    print(f"web page and REST: {now.address}", flush=True)
                    print(f"gRPC: {now.grpc_address}", flush=True)
            await asyncio.sleep(_FRAME_SECONDS)
