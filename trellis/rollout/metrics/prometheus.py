"""Counters of each pod as Prometheus has them, asked over its HTTP API as of one common instant.

The jobs are named as in the pod monitors of the chart: ``queue-proxy``, with the label
``knative_revision``, and ``predictors``. Counters are asked, not rates: what restarts and pods that
come and go make of them is decided in one place (``looks``). The samples of ``up`` say when each pod was
scraped; ``instants`` chooses the instant from them.
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import orjson
from yarl import URL

from trellis.contracts.rollout import Guardrail
from trellis.rollout.metrics.exposition import Sample, counter
from trellis.rollout.metrics.families import (
    MIXED,
    OWN_NAMES,
    PROXY_BUCKET,
    PROXY_COUNT,
    of_queue_proxy,
    of_trellis,
)
from trellis.rollout.metrics.instants import common_instant, still_scraped
from trellis.rollout.metrics.port import (
    BY_REQUEST,
    Counters,
    Pod,
    PodLister,
    Readings,
    read_at_once,
)

#: Of one answer: seconds and bytes.
ANSWER_SECONDS = 5.0
ANSWER_BYTES = 16 * 2**20
#: Of how long the scrapes are looked at: several intervals, and as long as Prometheus itself looks back.
SCRAPES = "5m"

NOTHING_COUNTED = (
    "Prometheus cannot scrape the queue-proxy of pod {pod} (job queue-proxy): no pod monitor selects it,"
    " or request-metrics-protocol: prometheus is not set in ConfigMap config-observability of Knative"
)
NO_SERIES = "Prometheus has no series of pod {pod} (job predictors)"


class _Down(Exception):
    """Prometheus gave no answer; why, in words."""


@dataclass(frozen=True)
class _Scrapes:
    """Of one job: the common instant by Prometheus' clock, and by pod when its last sample up to then
    was taken, by ours. Pods whose scrape failed, or that are scraped no more, are left out.
    """

    instant: float | None
    sampled: Mapping[str, float]


class PrometheusCounters:
    """``pods`` lists the pods of a service's revisions; ``namespace`` is the one of its services."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, namespace: str, pods: PodLister
    ) -> None:
        self._session = session
        self._query = URL(url) / "api/v1/query"
        self._namespace = namespace
        self._pods = pods

    async def read(
        self, service: str, revisions: Sequence[str], guardrails: Sequence[Guardrail]
    ) -> Readings:
        """Ask for all as of one instant. Raises what the lister of pods raises, and nothing of its own."""
        pods = read_at_once(await self._pods(service, revisions))
        wanted = [rail for rail in guardrails if rail.metric in BY_REQUEST]
        now = time.time()
        names = [PROXY_COUNT]
        if any(rail.metric == "latency" for rail in wanted):
            names.append(PROXY_BUCKET)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                clock, proxied, owned = await asyncio.gather(
                    self._clock(), self._up("queue-proxy", pods), self._up("predictors", pods)
                )
                # Prometheus' clock may be another than this one.
                proxied_at = _scrapes(pods, proxied, now - clock)
                owned_at = _scrapes(pods, owned, now - clock)
                proxies, own = await asyncio.gather(
                    self._series(names, "queue-proxy", "knative_revision", revisions, proxied_at),
                    self._series(OWN_NAMES, "predictors", "revision", revisions, owned_at),
                )
            found = (proxies, proxied_at.sampled, own, owned_at.sampled)
            return _readings(now, pods, service, wanted, found)
        except TimeoutError:
            return self._down(now, pods, wanted, f"no answer within {ANSWER_SECONDS:g} s")
        except (_Down, aiohttp.ClientError, OSError) as error:
            return self._down(now, pods, wanted, str(error) or type(error).__name__)
        except (AttributeError, KeyError, TypeError, ValueError):
            return self._down(now, pods, wanted, "its answer could not be read")

    async def _series(
        self,
        names: Iterable[str],
        job: str,
        revision_label: str,
        revisions: Sequence[str],
        scrapes: _Scrapes,
    ) -> dict[str, list[Sample]]:
        """Of each pod that was scraped, its series as they stood at the instant."""
        if scrapes.instant is None:
            return {}
        selected = self._selected("|".join(names), job, revision_label, revisions)
        found = await self._ask(selected, scrapes.instant)
        by_pod: defaultdict[str, list[Sample]] = defaultdict(list)
        for series in found:
            labels = dict(series["metric"])
            value = counter(labels["__name__"], series["value"][1])
            if (pod := labels.get("pod", "")) in scrapes.sampled:
                by_pod[pod].append(Sample(labels["__name__"], labels, value))
        return by_pod

    async def _up(self, job: str, pods: Sequence[Pod]) -> dict[str, list[tuple[float, bool]]]:
        """When a job scraped each pod of late, ascending, and whether it could."""
        names = [pod.name for pod in pods]
        found = await self._ask(f"{self._selected('up', job, 'pod', names)}[{SCRAPES}]")
        return {
            series["metric"].get("pod", ""): [
                (time, value == "1") for time, value in series["values"]
            ]
            for series in found
        }

    async def _clock(self) -> float:
        """What time it is for Prometheus."""
        seconds: float = (await self._ask("vector(time())"))[0]["value"][0]
        return seconds

    def _selected(self, names: str, job: str, label: str, values: Sequence[str]) -> str:
        any_value = orjson.dumps("|".join(map(re.escape, values))).decode()
        namespace = orjson.dumps(self._namespace).decode()
        return f'{{__name__=~"{names}",job="{job}",namespace={namespace},{label}=~{any_value}}}'

    async def _ask(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        form = {"query": query, "timeout": f"{ANSWER_SECONDS:g}s"}
        if at is not None:
            form["time"] = f"{at:.3f}"
        async with self._session.post(self._query, data=form, allow_redirects=False) as response:
            body = bytearray()
            async for part in response.content.iter_chunked(2**16):
                body += part
                if len(body) > ANSWER_BYTES:
                    raise _Down(f"its answer has more than {ANSWER_BYTES // 2**20} MiB")
        document = orjson.loads(body)
        if document.get("status") != "success":
            raise _Down(f"it answered {response.status}: {str(document.get('error'))[:200]}")
        result: list[dict[str, Any]] = document["data"]["result"]
        return result

    def _down(
        self, now: float, pods: tuple[Pod, ...], guardrails: Sequence[Guardrail], why: str
    ) -> Readings:
        sentence = f"Prometheus at {self._query.origin()} tells nothing: {why}"
        return Readings(now, pods, {}, problems={rail.name: sentence for rail in guardrails})


def _scrapes(
    pods: Iterable[Pod], up: Mapping[str, Sequence[tuple[float, bool]]], ahead: float
) -> _Scrapes:
    """``ahead``: seconds that our clock is ahead of Prometheus'."""
    times = {name: [time for time, _ in scrapes] for name, scrapes in up.items()}
    followed = still_scraped(times)
    by_revision: defaultdict[str, list[list[float]]] = defaultdict(list)
    for pod in pods:
        if pod.running and pod.name in followed and up[pod.name][-1][1]:
            by_revision[pod.revision].append(times[pod.name])
    instant = common_instant(by_revision)
    if instant is None:
        return _Scrapes(None, {})
    until = {
        name: [scrape for scrape in of if scrape[0] <= instant]
        for name, of in up.items()
        if name in followed
    }
    sampled = {name: of[-1][0] + ahead for name, of in until.items() if of and of[-1][1]}
    return _Scrapes(instant, sampled)


def _readings(
    now: float,
    pods: tuple[Pod, ...],
    service: str,
    guardrails: Sequence[Guardrail],
    found: tuple[
        Mapping[str, Sequence[Sample]],
        Mapping[str, float],
        Mapping[str, Sequence[Sample]],
        Mapping[str, float],
    ],
) -> Readings:
    proxies, scraped, own, own_scraped = found
    means = [rail for rail in guardrails if rail.metric == "meanLatency"]
    others = [rail for rail in guardrails if rail not in means]
    counters: dict[str, Counters] = {}
    unread: dict[str, str] = {}
    problems: dict[str, str] = {}
    for pod in pods:
        expected = pod.running and pod.ready and not pod.terminating
        if not pod.proxied:
            mine = of_trellis(own.get(pod.name, ()), pod.revision, guardrails)
            if pod.name in own:
                counters[pod.name] = replace(mine.counters, sampled=own_scraped.get(pod.name))
                problems |= mine.problems
            elif expected:
                unread[pod.name] = NO_SERIES.format(pod=pod.name)
            continue
        if pod.name not in scraped:
            if expected:
                unread[pod.name] = NOTHING_COUNTED.format(pod=pod.name)
            continue
        told = of_queue_proxy(proxies.get(pod.name, ()), service, others)
        mine = of_trellis(own.get(pod.name, ()), pod.revision, means)
        problems |= told.problems
        if told.tagged:
            problems |= {rail.name: MIXED for rail in means}
        elif pod.name not in own and expected:
            problems |= {rail.name: NO_SERIES.format(pod=pod.name) for rail in means}
        counters[pod.name] = replace(
            told.counters,
            moments=mine.counters.moments if pod.name in own and not told.tagged else {},
            witness=mine.counters.requests if pod.name in own else None,
            sampled=scraped[pod.name],
            own_sampled=own_scraped.get(pod.name) if pod.name in own else None,
        )
    return Readings(now, pods, counters, unread, problems)
