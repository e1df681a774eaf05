"""``trellis rollout watch``: a tree that is drawn anew, until it is interrupted."""

import asyncio
import time

from rich.console import Group
from rich.live import Live
from rich.text import Text

from trellis.contracts.rollout_status import RolloutView
from trellis.rollout.cli.output import clean, console, say, tell
from trellis.rollout.cli.places import Place, PlaceError
from trellis.rollout.cli.tree import draw
from trellis.rollout.cli.words import moment

_SECONDS = 1.0


async def watch(place: Place, name: str) -> int:
    """Draw a live tree on a terminal; elsewhere print a line for each change.

    Raises ``PlaceError`` where it is not there to begin with; later it waits for it to come back.
    """
    view = await place.rollout(name)
    screen = console()
    if not screen.is_terminal:
        return await _lines(place, view)
    with Live(console=screen, auto_refresh=False, vertical_overflow="crop") as live:
        trouble, seen_at = "", time.monotonic()
        while True:
            old = f"{trouble}; this is {time.monotonic() - seen_at:.0f} s old" if trouble else ""
            live.update(Group(draw(view), Text(old, "red")), refresh=True)
            await asyncio.sleep(_SECONDS)
            try:
                view = await place.rollout(name)
            except PlaceError as error:
                trouble = clean(str(error))
            else:
                trouble, seen_at = "", time.monotonic()


async def _lines(place: Place, view: RolloutView) -> int:
    before, trouble = "", ""
    while True:
        line = _line(view)
        if line != before:
            say(f"{moment(time.time())}  {line}")
            before = line
        await asyncio.sleep(_SECONDS)
        try:
            view = await place.rollout(view.name)
        except PlaceError as error:
            if str(error) != trouble:
                tell(str(error))
            trouble = str(error)
        else:
            trouble = ""


def _line(view: RolloutView) -> str:
    status = view.status
    version = f"  {status.canary.version} {status.weight} %" if status.canary else ""
    verdict = f"  {status.verdict.kind}" if status.verdict and status.canary else ""
    newest = status.history[-1].message if status.history else status.message
    return f"{status.phase}{version}{verdict}  {newest}"
