"""Numbers of one window of load, and the middle of several."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median


@dataclass(frozen=True)
class Window:
    """What one contestant did in one window; latencies in milliseconds.

    ``cpu_seconds`` are the server's own; ``resident_mb`` is its memory at the end, in 10^6 bytes.
    """

    requests: float
    seconds: float
    p50: float
    p95: float
    p99: float
    cpu_seconds: float
    resident_mb: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of the server for a thousand requests."""
        return 1000 * self.cpu_seconds / self.requests


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds, each a value that came."""
    ordered = sorted(seconds)
    return {
        f"p{share}": 1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
        for share in (50, 95, 99)
    }


def middle(windows: Sequence[Window]) -> Window:
    """Each figure's median over the windows; the rate's is that of requests over seconds."""
    values = {
        field.name: median(getattr(window, field.name) for window in windows)
        for field in fields(Window)
    }
    values["requests"] = median(window.rate for window in windows) * values["seconds"]
    values["cpu_seconds"] = (
        median(window.cpu_per_1000 for window in windows) * values["requests"] / 1000
    )
    return Window(**values)
