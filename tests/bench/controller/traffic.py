"""Requests that pods answered, by a clock: nothing has to run between two looks. Pure."""

from dataclasses import dataclass


@dataclass
class Traffic:
    """Of one pod. ``rate`` is in requests a second, ``errors`` the share of them that err; ``at`` is when
    the numbers were taken last, in seconds by any clock.
    """

    at: float
    rate: float = 0.0
    errors: float = 0.0
    answered: float = 0.0
    failed: float = 0.0

    def until(self, now: float) -> None:
        """Count what came until now; nothing where that is before the last time."""
        more = max(0.0, now - self.at) * self.rate
        self.at = max(self.at, now)
        self.answered += more
        self.failed += more * self.errors

    def counted(self, now: float) -> dict[str, int]:
        """Answers by status code; no code that never came."""
        self.until(now)
        failed = int(self.failed)
        codes = {"200": int(self.answered) - failed, "500": failed}
        return {code: number for code, number in codes.items() if number}

    def change(self, now: float, *, rate: float | None = None, errors: float | None = None) -> None:
        """From now on."""
        self.until(now)
        self.rate = self.rate if rate is None else rate
        self.errors = self.errors if errors is None else errors
