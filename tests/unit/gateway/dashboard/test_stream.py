import json
from typing import Any

from tests.unit.gateway.dashboard.snapshots import snapshot
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.dashboard.stream import panel_events
from trellis.gateway.errors import Unauthenticated


def read(piece: bytes) -> tuple[str, Any]:
    event, data = piece.decode().rstrip().split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


class Told:
    """A sampler whose looks are numbered, and whether the process is ending."""

    def __init__(self) -> None:
        self.number = 0
        self.ends = False
        self.sampler = Sampler(self.look, every=0)

    async def look(self) -> Snapshot:
        self.number += 1
        return snapshot(self.number)

    def ending(self) -> bool:
        return self.ends


async def allowed() -> None:
    """Everybody may look."""


async def test_only_panels_that_changed_are_sent_again() -> None:
    told = Told()
    steady = {"machine": "<p>steady</p>"}
    events = panel_events(
        told.sampler, lambda seen: {**steady, "now": f"<p>{seen.number}</p>"}, allowed, told.ending
    )
    assert await anext(events) == b"retry: 5000\n\n"
    first, second = read(await anext(events)), read(await anext(events))
    assert first[1]["panels"] == {"machine": "<p>steady</p>", "now": "<p>1</p>"}
    assert second[1]["panels"] == {"now": "<p>2</p>"}


async def test_line_breaks_of_a_panel_do_not_break_the_event() -> None:
    told = Told()
    events = panel_events(
        told.sampler, lambda _: {"now": "a\n\nevent: b\r\n"}, allowed, told.ending
    )
    await anext(events)
    assert read(await anext(events))[1]["panels"] == {"now": "a\n\nevent: b\r\n"}


async def test_who_loses_the_key_is_told_and_sees_no_more() -> None:
    async def refused() -> None:
        raise Unauthenticated("the key is revoked")

    told = Told()
    events = [
        piece async for piece in panel_events(told.sampler, lambda _: {}, refused, told.ending)
    ]
    assert [piece.split(b"\n")[0] for piece in events] == [
        b"retry: 5000",
        b"event: panels",
        b"event: signed-out",
    ]


async def test_the_stream_ends_with_the_process() -> None:
    told = Told()
    told.ends = True
    events = panel_events(told.sampler, lambda _: {}, allowed, told.ending)
    assert [piece async for piece in events] == [b"retry: 5000\n\n"]
