"""How many requests may be inside at once."""

from trellis.gateway.errors import Overloaded


class Gate:
    """How many requests may be inside at once; ``inflight`` is read when draining."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.inflight = 0

    def __enter__(self) -> None:
        if self.inflight >= self._limit:
            raise Overloaded(f"the gateway has {self._limit} requests in flight, its limit")
        self.inflight += 1

    def __exit__(self, *_: object) -> None:
        self.inflight -= 1
