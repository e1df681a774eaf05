"""How much may be inside at once, and whether new requests are asked for at all."""

from collections.abc import Iterator
from contextlib import contextmanager

from trellis.serving.errors import Overloaded


class Admission:
    """Counts requests in flight and the bytes of their bodies; use from one event loop.

    Bodies that are still arriving are counted apart: callers who send slowly, or not at all, take
    no place from those whose request is here. ``ready`` is what health reports; it goes false
    before new connections are refused, so that a load balancer sees it first.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._inside = 0
        self._bytes = 0
        self._arriving = 0
        self.ready = False

    @property
    def inside(self) -> int:
        """Requests accepted and not yet answered."""
        return self._inside

    def enter(self, size: int) -> None:
        """Take in a request whose body has ``size`` bytes; raises ``Overloaded`` past a limit."""
        if self._inside >= self._most:
            raise Overloaded(
                f"{self._inside} requests are in flight, at most {self._most} may be; try again"
            )
        if self._bytes + size > self._most_bytes and self._inside:
            raise Overloaded(
                f"requests of {self._bytes} bytes are in flight, with this one's {size} more than "
                f"the {self._most_bytes} that may be; try again"
            )
        self._inside += 1
        self._bytes += size

    def leave(self, size: int) -> None:
        """The request of ``size`` bytes has been answered."""
        self._inside -= 1
        self._bytes -= size

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """While a body arrives; raises ``Overloaded`` where as many do already as may be inside."""
        if self._arriving >= self._most:
            raise Overloaded(f"{self._arriving} bodies are arriving, no more may; try again")
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1
