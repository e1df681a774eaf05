import asyncio

import pytest

from trellis.gateway.cache.single_flight import OthersFailed, SingleFlight


class Work:
    """Work that is done when the test says so, and counts how often it began."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.begun = 0
        self.cancelled = 0
        self.done = asyncio.Event()
        self.failure = failure

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.done.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        return number


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_equal_work_is_done_once_and_one_of_them_began_it() -> None:
    flights: SingleFlight[int] = SingleFlight()
    work = Work()
    callers = [asyncio.create_task(flights.join(b"k", work)) for _ in range(50)]
    await turns()
    work.done.set()
    results = await asyncio.gather(*callers)
    assert work.begun == 1
    assert sorted(results) == [(1, False)] * 49 + [(1, True)]


async def test_other_work_is_done_beside_it_and_the_same_again_later() -> None:
    flights: SingleFlight[int] = SingleFlight()
    work = Work()
    work.done.set()
    await asyncio.gather(flights.join(b"a", work), flights.join(b"b", work))
    assert work.begun == 2
    assert await flights.join(b"a", work) == (3, True)


async def test_whoever_began_it_may_leave() -> None:
    flights: SingleFlight[int] = SingleFlight()
    work = Work()
    first = asyncio.create_task(flights.join(b"k", work))
    await turns()
    second = asyncio.create_task(flights.join(b"k", work))
    await turns()
    first.cancel()
    await turns()
    work.done.set()
    assert await second == (1, False)
    assert work.cancelled == 0


async def test_when_the_last_has_left_the_work_ends() -> None:
    flights: SingleFlight[int] = SingleFlight()
    work = Work()
    callers = [asyncio.create_task(flights.join(b"k", work)) for _ in range(3)]
    await turns()
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await turns()
    assert work.cancelled == 1
    work.done.set()
    assert await flights.join(b"k", work) == (2, True)


async def test_a_failure_is_told_to_whoever_began_and_the_others_learn_only_that() -> None:
    flights: SingleFlight[int] = SingleFlight()
    work = Work(ValueError("mine"))
    first = asyncio.create_task(flights.join(b"k", work))
    second = asyncio.create_task(flights.join(b"k", work))
    await turns()
    work.done.set()
    with pytest.raises(ValueError, match="mine"):
        await first
    with pytest.raises(OthersFailed):
        await second
