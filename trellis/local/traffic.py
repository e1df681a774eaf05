"""A revision's traffic over the last seconds, from the gateway's metrics page.

The gateway's, because a process that fails does not count its own failures. Counters only grow,
so a rate is the difference of two pages over the time between them; a smaller counter means that
the process began anew.
"""

import math
import re
from collections import deque
from dataclasses import dataclass, field

_WINDOW_SECONDS = 10.0
_SAMPLE = re.compile(
    r"^(trellis_requests_total|trellis_request_duration_seconds_bucket)\{(.*)\} (\S+)"
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_FIRST_ERROR = 500


@dataclass
class Page:
    """What the page says of one revision: counts since the gateway began, over all labels."""

    requests: float = 0.0
    errors: float = 0.0  #: answers of 5xx
    buckets: dict[float, float] = field(default_factory=dict)  #: cumulative, by upper edge in s


@dataclass(frozen=True)
class Traffic:
    """Over the window: requests a second, quantiles in seconds (None without requests), errors."""

    rate: float = 0.0
    p50: float | None = None
    p99: float | None = None
    errors: int = 0  #: in the window
    requests: int = 0  #: in the window


def parse(text: str) -> dict[str, Page]:
    """A page of Prometheus text, by the label ``revision``; all but two metrics are skipped."""
    pages: dict[str, Page] = {}
    for line in text.splitlines():
        if not line.startswith("trellis_request"):
            continue
        match = _SAMPLE.match(line)
        if match is None:
            continue
        labels = dict(_LABEL.findall(match[2]))
        value = float(match[3])
        page = pages.setdefault(labels.get("revision", ""), Page())
        if match[1] == "trellis_requests_total":
            page.requests += value
            code = labels.get("code", "")
            if code.isdigit() and int(code) >= _FIRST_ERROR:
                page.errors += value
        else:
            edge = float(labels["le"])
            page.buckets[edge] = page.buckets.get(edge, 0.0) + value
    return pages


def quantile(buckets: dict[float, float], share: float) -> float | None:
    """The value below which ``share`` of a cumulative histogram lies, linear within a bucket.

    None for an empty histogram; the last finite edge where the quantile lies beyond it.
    """
    edges = sorted(buckets)
    if not edges or buckets[edges[-1]] <= 0:
        return None
    rank = share * buckets[edges[-1]]
    below_edge, below = 0.0, 0.0
    for edge in edges:
        count = buckets[edge]
        if count >= rank:
            if math.isinf(edge):
                return below_edge
            inside = (rank - below) / (count - below) if count > below else 1.0
            return below_edge + (edge - below_edge) * inside
        below_edge, below = edge, count
    return below_edge


class Window:
    """The pages of one revision over the last seconds."""

    def __init__(self, seconds: float = _WINDOW_SECONDS) -> None:
        self._seconds = seconds
        self._pages: deque[tuple[float, Page]] = deque()

    def add(self, now: float, page: Page) -> None:
        """Take the page read at ``now`` (monotonic seconds)."""
        if self._pages and page.requests < self._pages[-1][1].requests:
            self._pages.clear()
        self._pages.append((now, page))
        # One page older than the window stays, to measure from.
        while len(self._pages) > 2 and self._pages[1][0] <= now - self._seconds:  # the two ends
            self._pages.popleft()

    def traffic(self) -> Traffic:
        """Rates and quantiles between the oldest and the newest page."""
        if len(self._pages) < 2:  # a difference needs two
            return Traffic()
        (then, old), (now, new) = self._pages[0], self._pages[-1]
        buckets = {edge: count - old.buckets.get(edge, 0.0) for edge, count in new.buckets.items()}
        requests = new.requests - old.requests
        return Traffic(
            rate=requests / (now - then) if now > then else 0.0,
            p50=quantile(buckets, 0.5),
            p99=quantile(buckets, 0.99),
            errors=round(new.errors - old.errors),
            requests=round(requests),
        )
