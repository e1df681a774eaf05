"""Equal work is done once at a time in this process; who leaves does not stop it for the others."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """Work by key. It ends when it is done or when the last of those who wait has left."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}

    async def join(
        self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, Result]]
    ) -> tuple[Result, bool]:
        """The work's result, and whether this call began it.

        Raises what the work raises to the one who began it, and ``OthersFailed`` to the others:
        an error is its own caller's.
        """
        flight = self._flights.get(key)
        mine = flight is None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(begin()))
            flight.task.add_done_callback(lambda _: self._forget(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), mine
        except Exception as error:
            if mine:
                raise
            raise OthersFailed from error
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()

    def _forget(self, key: Hashable, flight: "_Flight[Result]") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


class OthersFailed(Exception):
    """The work that this caller waited for, and did not begin, failed."""


class _Flight(Generic[Result]):
    def __init__(self, task: "asyncio.Task[Result]") -> None:
        self.task = task
        self.waiting = 0
