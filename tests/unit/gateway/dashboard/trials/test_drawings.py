import asyncio
import threading

import pytest

from trellis.gateway.dashboard.chart_style import Drawn
from trellis.gateway.dashboard.trials.drawings import Drawings
from trellis.gateway.errors import NotFound


class Pen:
    """Counts what it draws; waits until it is let go."""

    def __init__(self) -> None:
        self.drawn = 0
        self.go = threading.Event()

    def draw(self) -> Drawn:
        self.drawn += 1
        self.go.wait()
        return Drawn(b"<svg/>", "")


async def test_all_who_ask_for_a_chart_get_the_one_that_is_drawn() -> None:
    drawings, pen = Drawings(), Pen()
    asked = [asyncio.create_task(drawings.get("chart", pen.draw)) for _ in range(10)]
    await asyncio.sleep(0)
    asked[0].cancel()
    pen.go.set()
    assert [(await one).svg for one in asked[1:]] == [b"<svg/>"] * 9
    await drawings.get("chart", pen.draw)
    assert pen.drawn == 1


async def test_the_one_that_was_asked_for_longest_ago_is_let_go() -> None:
    drawings, pen = Drawings(most=2), Pen()
    pen.go.set()
    for key in ("one", "two", "one", "three", "one"):
        await drawings.get(key, pen.draw)
    assert pen.drawn == 3
    await drawings.get("two", pen.draw)
    assert pen.drawn == 4


async def test_nothing_to_draw_is_told_to_each_who_asks() -> None:
    def nothing() -> Drawn:
        raise NotFound("there is nothing")

    drawings = Drawings()
    for _ in range(2):
        with pytest.raises(NotFound):
            await drawings.get("chart", nothing)
