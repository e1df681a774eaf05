"""Metrics of a local run: this process's own and its predictors' pages, kept for a few minutes.

Never used to reach a predictor of a cluster: there a request would wake a service at zero and
would tell of one pod of many. The controller says which pages are ours to read.
"""

import asyncio
import time
from array import array
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import aiohttp
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from trellis.gateway.dashboard.histogram import quantile
from trellis.gateway.dashboard.source import WINDOW_SECONDS
from trellis.gateway.dashboard.window import (
    DURATION,
    GATEWAY_COUNTERS,
    PREDICTOR_COUNTERS,
    REQUESTS,
    Labels,
    Point,
    Who,
    Window,
    who_of,
)

#: Seconds that a predictor has to answer with its page.
SCRAPE_SECONDS = 2.0
#: Seconds between two readings; with the window this bounds how many are kept.
EVERY_SECONDS = 3.0
MOST_POINTS = round(WINDOW_SECONDS / EVERY_SECONDS)
#: A page that is longer than this is no predictor's.
MOST_BYTES = 8 * 2**20

_Key = tuple[str, Labels]
MetricsPages = Callable[[], Awaitable[Sequence[str]]]


class _Reading(NamedTuple):
    """How far each counter rose since this process began, at the places of ``_places``."""

    monotonic: float
    risen: "array[float]"


class LocalSource:
    """``pages`` gives the URLs of the predictors' metrics at this moment, ``workers`` are the
    URLs of the metrics of workers, which count as gateways do.
    """

    every = EVERY_SECONDS
    words = "counted by this gateway process and its predictors"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        pages: MetricsPages,
        workers: Sequence[str] = (),
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._session = session
        self._pages = pages
        self._workers = workers
        self._registry = registry
        self._places: dict[_Key, int] = {}
        self._last: array[float] = array("d")
        # A process begins with all its counters at zero: the first look has something to tell.
        self._readings = deque([_Reading(time.monotonic(), array("d"))])
        self._traffic: dict[Who, deque[Point]] = defaultdict(deque)
        self._latency: dict[Who, deque[Point]] = defaultdict(deque)

    async def window(self) -> Window:
        """Read all pages once; a predictor that does not answer keeps its last values."""
        urls = await self._pages()
        texts = await asyncio.gather(*(self._fetch(url) for url in (*self._workers, *urls)))
        count = len(self._workers)
        self._add(await asyncio.to_thread(_counters, self._registry, texts[:count], texts[count:]))
        oldest, newest = self._readings[0], self._readings[-1]
        increases: dict[str, dict[Labels, float]] = defaultdict(dict)
        for (name, labels), place in self._places.items():
            increases[name][labels] = newest.risen[place] - _at(oldest.risen, place)
        return Window(
            max(newest.monotonic - oldest.monotonic, 1e-3),
            increases,
            {who: tuple(points) for who, points in self._traffic.items()},
            {who: tuple(points) for who, points in self._latency.items()},
            predictors=bool(urls),
        )

    async def _fetch(self, url: str) -> str:
        timeout = aiohttp.ClientTimeout(total=SCRAPE_SECONDS)
        try:
            async with self._session.get(url, timeout=timeout, allow_redirects=False) as response:
                body = await response.content.read(MOST_BYTES)
                return body.decode() if response.status == 200 else ""
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError):
            return ""

    def _add(self, values: dict[_Key, float]) -> None:
        before = self._readings[-1]
        now = time.monotonic()
        for key in values:
            self._places.setdefault(key, len(self._places))
        rises = dict.fromkeys(self._places, 0.0)
        self._last.extend([0.0] * (len(self._places) - len(self._last)))
        for key, value in values.items():
            last = self._last[self._places[key]]
            # A counter that fell belongs to a process started anew: all it shows came since.
            rises[key] = value - last if value >= last else value
            self._last[self._places[key]] = value
        risen = array(
            "d", (_at(before.risen, place) + rises[key] for key, place in self._places.items())
        )
        self._readings.append(_Reading(now, risen))
        while len(self._readings) > 2 and now - self._readings[1].monotonic >= WINDOW_SECONDS:
            self._readings.popleft()
        self._remember(rises, max(now - before.monotonic, 1e-3))

    def _remember(self, rises: dict[_Key, float], seconds: float) -> None:
        """A point of traffic and, where anything came, one of latency."""
        counts: dict[Who, float] = defaultdict(float)
        buckets: dict[Who, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for (name, labels), rise in rises.items():
            if name == REQUESTS:
                counts[who_of(labels)] += rise
            elif name == DURATION:
                buckets[who_of(labels)][float(labels[3])] += rise
        now = time.time()
        for who, count in counts.items():
            self._traffic[who].append(Point(now, count / seconds))
        for who, durations in buckets.items():
            p95 = quantile(0.95, durations)
            if p95 is not None:
                self._latency[who].append(Point(now, p95))
        for history in (self._traffic, self._latency):
            for points in history.values():
                while points and (
                    now - points[0].time > WINDOW_SECONDS or len(points) > MOST_POINTS
                ):
                    points.popleft()


def _at(values: "array[float]", place: int) -> float:
    return values[place] if place < len(values) else 0.0


def _counters(
    registry: CollectorRegistry, workers: Iterable[str], predictors: Iterable[str]
) -> dict[_Key, float]:
    own = [sample for family in registry.collect() for sample in family.samples]
    values: dict[_Key, float] = defaultdict(float)
    _add_kept(values, own, GATEWAY_COUNTERS)
    for text in workers:
        _add_kept(values, _samples(text), GATEWAY_COUNTERS)
    for text in predictors:
        _add_kept(values, _samples(text), PREDICTOR_COUNTERS)
    return dict(values)


def _samples(text: str) -> list[Sample]:
    """What a page says; nothing where it is no page of metrics."""
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError:
        return []
    return [sample for family in families for sample in family.samples]


def _add_kept(
    values: dict[_Key, float], samples: Iterable[Sample], wanted: dict[str, Labels]
) -> None:
    for sample in samples:
        names = wanted.get(sample.name)
        if names is not None:
            key = sample.name, tuple(sample.labels.get(name, "") for name in names)
            values[key] += sample.value
