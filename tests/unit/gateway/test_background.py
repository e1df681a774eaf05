import asyncio

import pytest
import structlog

from trellis.gateway import background
from trellis.gateway.background import Background


async def test_a_task_that_fails_is_logged_and_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "AGAIN_SECONDS", 0.0)
    begun = 0
    third = asyncio.Event()

    async def run() -> None:
        nonlocal begun
        begun += 1
        if begun < 3:
            raise ValueError("what went wrong")
        third.set()
        await asyncio.Event().wait()

    with structlog.testing.capture_logs() as lines:
        async with Background() as running:
            running.start("a task", run)
            await asyncio.wait_for(third.wait(), 20)
    assert begun == 3
    assert [line["task"] for line in lines] == ["a task", "a task"]


async def test_a_task_writes_what_it_holds_before_the_end() -> None:
    written = []
    begun = asyncio.Event()

    async def run() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            written.append("what was held")

    async with Background() as running:
        running.start("holder", run)
        await begun.wait()
        assert written == []
    assert written == ["what was held"]


async def test_one_that_does_not_end_holds_up_nobody_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "LAST_SECONDS", 0.01)
    release = asyncio.Event()
    begun = asyncio.Event()

    async def run() -> None:
        begun.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    with structlog.testing.capture_logs() as lines:
        async with Background() as running:
            running.start("stubborn", run)
            await begun.wait()
    assert [line["task"] for line in lines] == ["stubborn"]
    release.set()
    await asyncio.sleep(0)
