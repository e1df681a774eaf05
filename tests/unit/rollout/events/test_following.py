"""What goes on for as long as the process lives."""

import asyncio
from typing import cast

import pytest

from trellis.rollout.events import following as module
from trellis.rollout.events.reader import EventReader
from trellis.rollout.events.store import FoldStore


class Failing:
    """Fails as nobody foresaw, and then tells that it was asked again."""

    def __init__(self) -> None:
        self.asked = 0
        self.again = asyncio.Event()

    async def step(self, _now: float) -> int:
        self.asked += 1
        if self.asked == 1:
            raise TypeError("an entry of another form")
        self.again.set()
        await asyncio.Event().wait()
        return 0


async def test_an_unforeseen_fault_does_not_end_the_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FAILURE_SECONDS", 0.0)
    reader = Failing()
    reading = asyncio.create_task(module.read_events(cast("EventReader", reader)))
    asked = asyncio.create_task(reader.again.wait())
    await asyncio.wait({reading, asked}, return_when=asyncio.FIRST_COMPLETED)
    assert asked.done()
    reading.cancel()


class Kept:
    """Two watches, and the names of those that were dropped."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    async def names(self) -> list[str]:
        return ["rollout/here/old/1", "rollout/there/other/1"]

    async def drop(self, name: str) -> None:
        self.dropped.append(name)


async def test_nothing_is_swept_while_it_is_not_known_what_is_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr("trellis.rollout.events.leftovers.UNUSED_SECONDS", 0.0)
    store, looks = Kept(), 0

    def in_use() -> set[str] | None:
        nonlocal looks
        looks += 1
        return None if looks < 5 else set()

    def mine(name: str) -> bool:
        return name.startswith("rollout/here/")

    sweeping = asyncio.create_task(module.sweep_events(cast("FoldStore", store), mine, in_use))
    while not store.dropped:
        assert not sweeping.done()
        await asyncio.sleep(0)
    assert looks >= 5
    assert store.dropped == ["rollout/here/old/1"]
    sweeping.cancel()
