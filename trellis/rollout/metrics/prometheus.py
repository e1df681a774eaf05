"""Counters of each pod as Prometheus has them, asked by instant queries over its HTTP API.

The jobs are named as in the pod monitors of the chart: ``queue-proxy``, with the label
``knative_revision``, and ``predictors``. Counters are asked, not rates: what restarts and pods that
come and go make of them is decided in one place (``looks``).
"""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
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

NOTHING_COUNTED = (
    "Prometheus cannot scrape the queue-proxy of pod {pod} (job queue-proxy): no pod monitor selects it,"
    " or request-metrics-protocol: prometheus is not set in ConfigMap config-observability of Knative"
)
NO_SERIES = "Prometheus has no series of pod {pod} (job predictors)"


class _Down(Exception):
    """Prometheus gave no answer; why, in words."""


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
        """Ask for all at one moment. Raises what the lister of pods raises, and nothing of its own."""
        pods = read_at_once(await self._pods(service, revisions))
        wanted = [rail for rail in guardrails if rail.metric in BY_REQUEST]
        now = time.time()
        names = [PROXY_COUNT]
        if any(rail.metric == "latency" for rail in wanted):
            names.append(PROXY_BUCKET)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                proxies, up, ages, own = await asyncio.gather(
                    self._series(names, "queue-proxy", "knative_revision", revisions),
                    self._by_pod("{up}", revisions),
                    self._by_pod("time() - timestamp({up})", revisions),
                    self._series(OWN_NAMES, "predictors", "revision", revisions),
                )
            # Ages are by Prometheus' own clock, which may be another than this one.
            scraped = {pod: now - age for pod, age in ages.items() if up.get(pod) == 1}
            return _readings(now, pods, service, wanted, (proxies, scraped, own))
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
    ) -> dict[str, list[Sample]]:
        found = await self._ask(self._selected("|".join(names), job, revision_label, revisions))
        by_pod: defaultdict[str, list[Sample]] = defaultdict(list)
        for series in found:
            labels = dict(series["metric"])
            value = counter(labels["__name__"], series["value"][1])
            by_pod[labels.get("pod", "")].append(Sample(labels["__name__"], labels, value))
        return by_pod

    async def _by_pod(self, expression: str, revisions: Sequence[str]) -> dict[str, float]:
        """An expression over ``up`` of the queue-proxies, by pod."""
        up = self._selected("up", "queue-proxy", "knative_revision", revisions)
        found = await self._ask(expression.replace("{up}", up))
        return {series["metric"].get("pod", ""): float(series["value"][1]) for series in found}

    def _selected(self, names: str, job: str, revision_label: str, revisions: Sequence[str]) -> str:
        any_revision = orjson.dumps("|".join(map(re.escape, revisions))).decode()
        namespace = orjson.dumps(self._namespace).decode()
        return (
            f'{{__name__=~"{names}",job="{job}",namespace={namespace},'
            f"{revision_label}=~{any_revision}}}"
        )

    async def _ask(self, query: str) -> list[dict[str, Any]]:
        form = {"query": query, "timeout": f"{ANSWER_SECONDS:g}s"}
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


def _readings(
    now: float,
    pods: tuple[Pod, ...],
    service: str,
    guardrails: Sequence[Guardrail],
    found: tuple[dict[str, list[Sample]], dict[str, float], dict[str, list[Sample]]],
) -> Readings:
    proxies, scraped, own = found
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
                counters[pod.name] = mine.counters
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
        )
    return Readings(now, pods, counters, unread, problems)
