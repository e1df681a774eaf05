"""CPU, memory and disk where this gateway runs, and what this process itself takes."""

import asyncio
import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psutil

#: Seconds over which the very first look measures the CPU; later ones measure since the last.
FIRST_SECONDS = 0.1


class Machine(NamedTuple):
    """Shares 0 to 1, the process' of one CPU; sizes in bytes."""

    cpu: float
    cpus: int
    memory_used: int
    memory_total: int
    disk_used: int
    disk_total: int
    process_cpu: float
    process_memory: int


class MachineWatch:
    """Remembers the look before, since a CPU's load is a difference."""

    def __init__(self) -> None:
        self._process: psutil.Process | None = None
        self._times = (0.0, 0.0)
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> Machine:
        """Look once."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._look)

    def _look(self) -> Machine:
        import psutil

        if self._process is None:
            self._process = psutil.Process(os.getpid())
            self._process.cpu_percent()
            self._times = _cpu_times()
            time.sleep(FIRST_SECONDS)
        before, self._times = self._times, _cpu_times()
        busy, passed = (new - old for new, old in zip(self._times, before, strict=True))
        memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
        return Machine(
            cpu=min(1.0, busy / passed) if passed > 0 else 0.0,
            cpus=psutil.cpu_count() or 1,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            disk_used=disk.used,
            disk_total=disk.used + disk.free,
            process_cpu=self._process.cpu_percent() / 100,
            process_memory=self._process.memory_info().rss,
        )


def _cpu_times() -> tuple[float, float]:
    """Seconds busy and seconds in all, of every CPU; psutil's own percentage is one a thread."""
    import psutil  # as above

    times = psutil.cpu_times()
    passed = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return passed - times.idle - getattr(times, "iowait", 0.0), passed
