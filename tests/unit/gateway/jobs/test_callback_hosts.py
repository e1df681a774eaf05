import asyncio

from trellis.gateway.jobs import callback_hosts
from trellis.gateway.jobs.callback_hosts import AT_ONCE, HELD, CallbackHosts


async def test_a_slow_host_keeps_nobody_else_waiting() -> None:
    hosts = CallbackHosts()
    inside = 0
    answer = asyncio.Event()

    async def attempt() -> None:
        nonlocal inside
        async with hosts.turn("slow"):
            inside += 1
            await answer.wait()

    attempts = [asyncio.create_task(attempt()) for _ in range(HELD)]
    await asyncio.sleep(0)
    assert inside == AT_ONCE
    pause = hosts.put_off("slow")
    assert pause is not None
    assert 1 <= pause <= 2
    assert hosts.put_off("quick") is None
    answer.set()
    await asyncio.gather(*attempts)
    assert inside == HELD
    assert hosts.put_off("slow") is None


async def test_a_host_that_fails_is_asked_less_and_less_until_it_answers() -> None:
    hosts = CallbackHosts()
    never = asyncio.Event()

    async def attempt() -> None:
        async with hosts.turn("dead"):
            await never.wait()

    attempts = [asyncio.create_task(attempt()) for _ in range(HELD)]
    await asyncio.sleep(0)
    for _ in range(8):
        hosts.learn("dead", failed=True)
    assert (hosts.put_off("dead") or 0) >= 30
    hosts.learn("dead", failed=False)
    assert (hosts.put_off("dead") or 0) <= 2
    for task in attempts:
        task.cancel()
    await asyncio.gather(*attempts, return_exceptions=True)


def test_strangers_hosts_fill_no_memory() -> None:
    hosts = CallbackHosts()
    for number in range(callback_hosts.REMEMBERED + 5):
        hosts.learn(f"host{number}", failed=True)
    assert len(hosts._failures) == 5
