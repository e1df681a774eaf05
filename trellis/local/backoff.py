"""How long to wait before the next start of a process that died."""

import random


class Backoff:
    """Doubles from ``first`` to ``largest`` seconds, each with jitter so that processes that
    died together do not start together; forgets once a process was ready for ``forgiven``.
    """

    def __init__(
        self,
        first: float = 0.1,
        largest: float = 30.0,
        forgiven: float = 30.0,
        jitter: random.Random | None = None,
    ) -> None:
        self._first, self._largest, self._forgiven = first, largest, forgiven
        self._jitter = jitter or random.Random()
        self.deaths = 0  #: since the last forgiven one

    def next_delay(self, ready_seconds: float) -> float:
        """Seconds to wait after a death; ``ready_seconds`` is how long it had been ready."""
        if ready_seconds >= self._forgiven:
            self.deaths = 0
        delay = min(self._largest, self._first * 2.0**self.deaths)
        self.deaths += 1
        return delay * self._jitter.uniform(0.75, 1.25)
