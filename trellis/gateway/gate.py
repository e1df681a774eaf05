"""How many requests may be inside at once, and how much of their bodies in memory."""

from trellis.gateway.errors import Overloaded


class Gate:
    """At most ``limit`` requests, and ``most_bytes`` of bodies that are read whole.

    ``inflight`` is read when draining. A body that is streamed holds no more than a piece of it
    and is not counted.
    """

    def __init__(self, limit: int, most_bytes: int) -> None:
        self._limit = limit
        self._most_bytes = most_bytes
        self.inflight = 0
        self.held_bytes = 0

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes of a body. Raises ``Overloaded`` where they are too many."""
        if self.held_bytes + size > self._most_bytes:
            raise Overloaded(
                f"the bodies of requests in flight, and of answers, are over the gateway's limit of {self._most_bytes} bytes"
            )
        self.held_bytes += size

    def let_go(self, size: int) -> None:
        """Count ``size`` bytes less."""
        self.held_bytes -= size

    def __enter__(self) -> None:
        if self.inflight >= self._limit:
            raise Overloaded(f"the gateway has {self._limit} requests in flight, its limit")
        self.inflight += 1

    def __exit__(self, *_: object) -> None:
        self.inflight -= 1
