"""Decoding in threads: every request gets its own result, whatever the others do."""

import asyncio
import threading
from functools import partial

import pytest

from trellis.serving.decoding import DecodeThreads


async def test_each_gets_its_own_result_or_error() -> None:
    threads = DecodeThreads(2)

    def work(number: int) -> int:
        if number == 13:
            raise ValueError("unlucky")
        return number * number

    futures = [threads.submit(partial(work, number)) for number in range(40)]
    results = await asyncio.gather(*futures, return_exceptions=True)
    threads.close()
    assert isinstance(results.pop(13), ValueError)
    assert results == [number * number for number in range(40) if number != 13]


async def test_runs_off_the_loop_and_a_slow_one_holds_up_no_other_thread() -> None:
    threads = DecodeThreads(2)
    release = threading.Event()
    slow = threads.submit(lambda: release.wait(5) and threading.get_ident())
    quick = await threads.submit(threading.get_ident)
    assert not slow.done()
    release.set()
    assert await slow != quick
    assert threading.get_ident() not in (quick, slow.result())
    threads.close()


async def test_what_was_cancelled_while_it_waited_is_not_called() -> None:
    threads = DecodeThreads(1)
    release, called = threading.Event(), []
    first = threads.submit(lambda: release.wait(5))
    second = threads.submit(lambda: called.append("second"))
    second.cancel()
    release.set()
    assert await first
    await threads.submit(lambda: None)
    threads.close()
    assert called == []


async def test_a_result_is_handed_back_while_others_still_wait() -> None:
    threads = DecodeThreads(1)
    hold = threading.Event()
    quick = threads.submit(lambda: 1)
    held = threads.submit(lambda: hold.wait(5))
    async with asyncio.timeout(2):
        assert await quick == 1
    hold.set()
    assert await held
    threads.close()


async def test_a_result_waits_for_no_slow_one_behind_it() -> None:
    """The first is announced and the next is not, being so soon; then the thread is held up."""
    threads = DecodeThreads(1)
    start, hold = threading.Event(), threading.Event()
    assert await threads.submit(lambda: True)
    gate = threads.submit(lambda: start.wait(5))
    quick = threads.submit(lambda: 1)
    held = threads.submit(lambda: hold.wait(5))
    start.set()
    async with asyncio.timeout(2):
        assert await gate
        assert await quick == 1
    assert not held.done()
    hold.set()
    assert await held
    threads.close()


@pytest.mark.parametrize(
    "error", [StopIteration(), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
async def test_what_no_future_takes_fails_this_request_alone(error: BaseException) -> None:
    threads = DecodeThreads(1)

    def work() -> None:
        raise error

    futures = [threads.submit(call) for call in (work, lambda: 1, work, lambda: 2)]
    async with asyncio.timeout(2):
        found = await asyncio.gather(*futures, return_exceptions=True)
    threads.close()
    assert [found[1], found[3]] == [1, 2]
    assert isinstance(found[0], RuntimeError)
    assert str(found[0]) == f"decoding raised {type(error).__name__}"
    assert found[0].__cause__ is error


async def test_the_loop_rests_when_nothing_is_decoded() -> None:
    threads = DecodeThreads(1)
    await threads.submit(lambda: 1)
    await asyncio.sleep(0.1)
    assert threads._timer is None
    threads.close()


async def test_what_is_being_decoded_at_the_close_is_still_handed_back() -> None:
    threads = DecodeThreads(1)
    started, release, called = threading.Event(), threading.Event(), []

    def work() -> bool:
        started.set()
        return release.wait(5)

    first = threads.submit(work)
    threads.submit(lambda: called.append("second"))
    await asyncio.to_thread(started.wait, 5)
    threads.close()
    release.set()
    assert await asyncio.wait_for(first, 2)
    await asyncio.sleep(0.05)
    assert called == []
    assert threads._timer is None


async def test_threads_end_when_closed() -> None:
    threads = DecodeThreads(3)
    names = {"decode-0", "decode-1", "decode-2"}
    assert names <= {thread.name for thread in threading.enumerate()}
    mine = [thread for thread in threading.enumerate() if thread.name in names]
    threads.close()
    for thread in mine:
        thread.join(5)
    assert not any(thread.is_alive() for thread in mine)


@pytest.mark.parametrize("count", [1, 4])
async def test_many_at_once(count: int) -> None:
    threads = DecodeThreads(count)
    done = await asyncio.gather(*(threads.submit(partial(int, n)) for n in range(2000)))
    threads.close()
    assert done == list(range(2000))
