import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trellis.local.watch import edits


@asynccontextmanager
async def watching(path: Path) -> AsyncIterator[asyncio.Queue[str]]:
    """A queue of what the file holds at each edit."""
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def follow() -> None:
        async for _ in edits([path]):
            file = file_of(path)
            seen.put_nowait(file.read_text() if file.exists() else "gone")

    task = asyncio.create_task(follow())
    await asyncio.sleep(0)  # from here on it knows what the file held
    yield seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def next_of(seen: asyncio.Queue[str]) -> str:
    return await asyncio.wait_for(seen.get(), 10)


@pytest.fixture(params=["file", "folder"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "m.yaml"
    file.write_text("first")
    return file if request.param == "file" else tmp_path


def file_of(path: Path) -> Path:
    return path / "m.yaml" if path.is_dir() else path


async def test_written_in_place_replaced_and_removed(path: Path) -> None:
    file = file_of(path)
    async with watching(path) as seen:
        file.write_text("second")
        assert await next_of(seen) == "second"
        fresh = file.with_suffix(".new")
        fresh.write_text("third")
        fresh.replace(file)
        assert await next_of(seen) == "third"
        file.unlink()
        assert await next_of(seen) == "gone"
        file.write_text("fourth")
        assert await next_of(seen) == "fourth"


async def test_a_file_that_is_still_being_written_is_not_read(path: Path) -> None:
    file = file_of(path)
    async with watching(path) as seen:
        for length in range(12):
            file.write_text("slowly typed"[: length + 1])
            await asyncio.sleep(0.1)
        assert await next_of(seen) == "slowly typed"
        assert seen.empty()


async def test_what_leaves_the_content_as_it_was_is_no_edit(path: Path) -> None:
    file = file_of(path)
    async with watching(path) as seen:
        file.write_text("first")
        file.touch()
        (file.parent / "notes.txt").write_text("x")
        await asyncio.sleep(1.5)
        assert seen.empty()
