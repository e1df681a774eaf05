"""The reader of what a run's gateway saw."""

import asyncio
from typing import cast

import pytest

from trellis.local import rollouts as module
from trellis.rollout.events.reader import EventReader


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
    reading = asyncio.create_task(module._read(cast("EventReader", reader)))
    asked = asyncio.create_task(reader.again.wait())
    await asyncio.wait({reading, asked}, return_when=asyncio.FIRST_COMPLETED)
    assert asked.done()
    reading.cancel()
