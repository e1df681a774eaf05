import asyncio

from trellis.rollout.queue import PassQueue


async def test_what_is_due_first_comes_first() -> None:
    queue: PassQueue[str] = PassQueue()
    queue.add("late", 0.02)
    queue.add("early")
    assert [await queue.get(), await queue.get()] == ["early", "late"]


async def test_what_is_added_twice_comes_once_at_the_earlier_time() -> None:
    queue: PassQueue[str] = PassQueue()
    queue.add("a", 3600)
    queue.add("a")
    queue.add("a", 3600)
    queue.add("b", 0.01)
    assert await queue.get() == "a"
    queue.done("a")
    assert await queue.get() == "b"


async def test_no_two_passes_of_one_at_once() -> None:
    queue: PassQueue[str] = PassQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")  # it changed while its pass went on
    waiting = asyncio.create_task(queue.get())
    queue.add("b")
    assert await waiting == "b"
    again = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not again.done()
    queue.done("a")
    assert await again == "a"


async def test_what_is_forgotten_does_not_come() -> None:
    queue: PassQueue[str] = PassQueue()
    queue.add("gone")
    queue.forget("gone")
    queue.add("here")
    assert await queue.get() == "here"


async def test_many_workers_take_each_once() -> None:
    queue: PassQueue[int] = PassQueue()
    taken: list[int] = []
    whole = asyncio.Event()

    async def work() -> None:
        while True:
            key = await queue.get()
            taken.append(key)
            if len(taken) == 100:
                whole.set()
            await asyncio.sleep(0)
            queue.done(key)

    workers = [asyncio.create_task(work()) for _ in range(8)]
    for key in range(100):
        queue.add(key)
    await whole.wait()
    for worker in workers:
        worker.cancel()
    assert sorted(taken) == list(range(100))
