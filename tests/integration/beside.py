"""What goes on in a thread beside a test, for the length of a block."""

import asyncio
import threading
from typing import Self


class Beside:
    """A context: ``_run`` runs in a thread while it is open, and ends soon after ``_stop`` is set."""

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        """Look at ``_stop`` again and again."""
        raise NotImplementedError


class AsyncBeside(Beside):
    """The same with a loop of its own, in which ``_send`` runs."""

    def _run(self) -> None:
        asyncio.run(self._send())

    async def _send(self) -> None:
        """Look at ``_stop`` again and again."""
        raise NotImplementedError
