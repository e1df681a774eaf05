"""Counters read straight from the pods: the queue-proxy's page beside a predictor, and its own."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import aiohttp

from trellis.contracts.rollout import Guardrail
from trellis.rollout.metrics.exposition import samples
from trellis.rollout.metrics.families import (
    MIXED,
    of_queue_proxy,
    of_trellis,
    own_names,
    proxy_names,
)
from trellis.rollout.metrics.page import OWN_PORT, Refused, Unreadable, read_page
from trellis.rollout.metrics.port import (
    BY_REQUEST,
    Counters,
    Pod,
    PodLister,
    Readings,
    read_at_once,
)

PROXY_PORT = 9091
#: Of one page. Pages at once, over all services.
PAGE_BYTES = 8 * 2**20
AT_ONCE = 32

COUNTS_OFF = (
    "queue-proxy exports no request counts (port {port} of pod {pod} refuses): set"
    " request-metrics-protocol: prometheus in ConfigMap config-observability of Knative"
)


class _Told(NamedTuple):
    """Of one pod: its counters, or why there are none now, or what has to be set first."""

    counters: Counters | None = None
    unread: str = ""
    problems: Mapping[str, str] | None = None


class DirectScrape:
    """``pods`` lists the pods of a service's revisions; ``session`` is closed by who made it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        pods: PodLister,
        *,
        proxy_port: int = PROXY_PORT,
        own_port: int = OWN_PORT,
    ) -> None:
        self._session = session
        self._pods = pods
        self._proxy_port = proxy_port
        self._own_port = own_port
        self._places = asyncio.Semaphore(AT_ONCE)

    async def read(
        self, service: str, revisions: Sequence[str], guardrails: Sequence[Guardrail]
    ) -> Readings:
        """Read all pods at once. Raises what the lister of pods raises, and nothing of its own."""
        pods = read_at_once(await self._pods(service, revisions))
        wanted = [rail for rail in guardrails if rail.metric in BY_REQUEST]
        started = [pod for pod in pods if pod.running and pod.address]
        now = time.time()
        told = await asyncio.gather(*(self._read(pod, service, wanted) for pod in started))
        by_pod = {pod.name: one for pod, one in zip(started, told, strict=True)}
        problems: dict[str, str] = {}
        for one in told:
            problems |= one.problems or {}
        return Readings(
            time=now,
            pods=pods,
            counters={name: one.counters for name, one in by_pod.items() if one.counters},
            # One that ends may close its port before it is gone: nothing is missing then.
            unread={
                pod.name: by_pod[pod.name].unread
                for pod in started
                if by_pod[pod.name].unread and not pod.terminating
            },
            problems=problems,
        )

    async def _read(self, pod: Pod, service: str, guardrails: Sequence[Guardrail]) -> _Told:
        means = [rail for rail in guardrails if rail.metric == "meanLatency"]
        if not pod.proxied:
            return await self._own(pod, guardrails)
        (told, tagged), own = await asyncio.gather(
            self._proxy(pod, service, [rail for rail in guardrails if rail not in means]),
            self._own(pod, means),
        )
        if told.counters is None:
            return told
        problems = dict(told.problems or {})
        if own.counters is None:
            if pod.ready and not pod.terminating:
                problems |= dict.fromkeys((rail.name for rail in means), own.unread)
            return told._replace(problems=problems)
        moments = own.counters.moments
        if tagged:
            moments = {}
            problems |= dict.fromkeys((rail.name for rail in means), MIXED)
        joined = replace(told.counters, moments=moments, witness=own.counters.requests)
        return _Told(joined, problems=problems)

    async def _proxy(
        self, pod: Pod, service: str, guardrails: Sequence[Guardrail]
    ) -> tuple[_Told, float]:
        """What the queue-proxy counted, and how many of it came by a tag."""
        try:
            page = await self._page(pod, self._proxy_port)
            found = of_queue_proxy(samples(page, proxy_names(guardrails)), service, guardrails)
        except Refused:
            if pod.terminating or not pod.ready:  # not yet, or not any more
                return _Told(unread=f"queue-proxy of pod {pod.name} does not listen"), 0.0
            off = COUNTS_OFF.format(port=self._proxy_port, pod=pod.name)
            return _Told(problems={rail.name: off for rail in guardrails}), 0.0
        except (Unreadable, ValueError, KeyError) as error:
            return _Told(unread=f"queue-proxy's metrics of pod {pod.name}: {error}"), 0.0
        return _Told(found.counters, problems=found.problems), found.tagged

    async def _own(self, pod: Pod, guardrails: Sequence[Guardrail]) -> _Told:
        """What the predictor itself counted."""
        try:
            page = await self._page(pod, self._own_port)
            found = of_trellis(samples(page, own_names(guardrails)), pod.revision, guardrails)
        except Refused:
            return _Told(unread=f"the predictor of pod {pod.name} does not listen")
        except (Unreadable, ValueError, KeyError) as error:
            return _Told(unread=f"the predictor's metrics of pod {pod.name}: {error}")
        return _Told(found.counters, problems=found.problems)

    async def _page(self, pod: Pod, port: int) -> bytes:
        async with self._places:
            return await read_page(self._session, pod.address or "", port, "/metrics", PAGE_BYTES)
