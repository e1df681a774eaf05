"""How many requests may be inside, and whether new ones are taken at all."""

from trellis.serving.errors import Overloaded


class Admission:
    """Counts requests in flight; use from one event loop.

    ``ready`` is what health reports; it goes false before new connections are refused, so that
    a load balancer sees it first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self.ready = False

    @property
    def inside(self) -> int:
        """Requests accepted and not yet answered."""
        return self._inside

    def enter(self) -> None:
        """Take a request in; raises ``Overloaded`` past the limit."""
        if self._inside >= self._most:
            raise Overloaded(
                f"{self._inside} requests are in flight, at most {self._most} may be; try again"
            )
        self._inside += 1

    def leave(self) -> None:
        """One request has been answered."""
        self._inside -= 1
