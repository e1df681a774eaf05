import asyncio

from trellis.gateway.dashboard.machine import MachineWatch


async def test_what_is_seen_lies_within_what_there_is() -> None:
    watch = MachineWatch()
    for machine in (await watch.look(), await watch.look()):
        assert 0 <= machine.cpu <= 1
        assert machine.cpus >= 1
        assert 0 < machine.memory_used < machine.memory_total
        assert 0 < machine.disk_used <= machine.disk_total
        assert machine.process_memory > 2**20


async def test_a_busy_cpu_is_seen_from_one_look_to_the_next() -> None:
    watch = MachineWatch()
    await watch.look()
    busy = await asyncio.to_thread(sum, range(20_000_000))
    assert busy > 0
    assert (await watch.look()).cpu > 0
