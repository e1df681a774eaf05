import asyncio
import time

import pytest

from trellis.gateway.standstill import READ_SECONDS, timeout


async def test_what_does_not_come_is_late() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with timeout(0.05):
            await asyncio.sleep(60)
    assert time.monotonic() - began < 10


async def test_what_came_while_the_loop_stood_still_is_taken() -> None:
    """As of Redis: an answer that lies in the socket."""
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as server:
        _, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with timeout(0.05):
            reading = asyncio.create_task(reader.readline())
            await asyncio.sleep(0)
            writer.write(b"ping\n")
            time.sleep(0.2)  # noqa: ASYNC251 - the standstill
            assert await reading == b"pong\n"
        writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline() and b"pong\n")
    await writer.drain()
    writer.close()


async def test_after_a_standstill_it_is_not_waited_for_ever() -> None:
    async def wait() -> None:
        async with timeout(0.02):
            time.sleep(0.2)  # noqa: ASYNC251 - the standstill
            await asyncio.sleep(60)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await wait()
    assert time.monotonic() - began < 50 * READ_SECONDS


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def work() -> None:
        async with timeout(60):
            await asyncio.sleep(60)

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
