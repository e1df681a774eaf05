"""What runs beside the requests: followed tables, batches that are written, probes.

A task that fails is logged and begun again: the requests of a process do not end with it. All
are cancelled when the process ends; a task that holds something writes it when it is cancelled,
and gets ``LAST_SECONDS`` for that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from trellis.telemetry.logs import get_logger

#: Seconds between a task's failure and its next beginning.
AGAIN_SECONDS = 1.0
#: Seconds that cancelled tasks get to write what they hold.
LAST_SECONDS = 10.0


class Background:
    """A context: whatever is started in it ends with it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run ``run()`` until the context ends; ``name`` is for the log."""
        task = asyncio.create_task(_again_and_again(name, run), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LAST_SECONDS)
            for task in late:
                get_logger().warning("background task did not end", task=task.get_name())


async def _again_and_again(name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on and the log tells
            get_logger().error("background task failed", task=name, exc_info=error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return
