"""Where the view goes: a live screen on a terminal, plain lines elsewhere."""

import asyncio
import contextlib
import os
import sys
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
        task = asyncio.current_task()
        try:
            await self._draw(screen)
        except OSError:
            # A terminal that is gone ends no run. The error may have come in the place of a
            # cancellation, by the last frame.
            if task is None or not task.cancelling():
                await asyncio.Event().wait()

    async def _draw(self, screen: Callable[[], Screen]) -> None:
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
        say(event_line(event))

    async def run(self, screen: Callable[[], Screen]) -> None:
        """Print what is new, until cancelled."""
        last, told_where = "", False
        while True:
            now = screen()
            if now.headline != last:
                last = now.headline
                say(now.headline)
                if now.ready and not told_where:
                    told_where = True
                    say(f"web page and REST: {now.address}")
                    say(f"gRPC: {now.grpc_address}")
            await asyncio.sleep(_FRAME_SECONDS)


def say(line: str) -> None:
    """Print a line at once; where nobody reads any more, this and all later ones are lost."""
    try:
        print(line, flush=True)
    except OSError:
        # What is left in the buffer would fail again at the exit.
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
