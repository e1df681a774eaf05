"""Metrics of a cluster, asked of Prometheus over its HTTP API.

The jobs are named as in the pod monitors of the chart: ``gateway``, ``worker``, ``predictors``.
"""

import asyncio
import math
import time
from collections import defaultdict
from typing import Any

import aiohttp
import orjson
from yarl import URL

from trellis.gateway.dashboard.source import WINDOW_SECONDS, SourceDown
from trellis.gateway.dashboard.window import (
    DURATION,
    GATEWAY_COUNTERS,
    PREDICTOR_COUNTERS,
    REQUESTS,
    Labels,
    Point,
    Values,
    Who,
    Window,
    who_of,
)
from trellis.telemetry.metrics import WHO

#: Seconds between two looks: about as often as Prometheus itself looks.
EVERY_SECONDS = 10.0
#: Seconds that Prometheus has for an answer, and between two points of the history.
ANSWER_SECONDS = 5.0
STEP_SECONDS = 15
#: Seconds of the history, and of the rate at each of its points (four scrapes of 15 s).
HISTORY_SECONDS = 1800
RATE_SECONDS = 60
GATEWAY_JOBS = 'job=~"gateway|worker"'
PREDICTOR_JOBS = 'job="predictors"'


class PrometheusSource:
    """``url`` is Prometheus' address; ``namespace`` keeps to one, where it watches many."""

    every = EVERY_SECONDS
    words = "counted by all gateways and predictors, as Prometheus has them"

    def __init__(
        self, session: aiohttp.ClientSession, url: str, namespace: str | None = None
    ) -> None:
        self._session = session
        self._api = URL(url) / "api/v1"
        self._also = f",namespace={_quoted(namespace)}" if namespace else ""

    async def window(self) -> Window:
        """Ask for everything at once. Raises ``SourceDown``."""
        counters = {**GATEWAY_COUNTERS, **PREDICTOR_COUNTERS}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                increases, (traffic, latency) = await asyncio.gather(
                    asyncio.gather(*(self._increase(*counter) for counter in counters.items())),
                    asyncio.gather(
                        self._history(self._rate(REQUESTS, WHO)),
                        self._history(
                            f"histogram_quantile(0.95, {self._rate(DURATION, (*WHO, 'le'))})"
                        ),
                    ),
                )
        except TimeoutError:
            raise SourceDown(f"Prometheus did not answer within {ANSWER_SECONDS:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SourceDown(f"Prometheus cannot be reached: {type(error).__name__}") from None
        except (AttributeError, KeyError, TypeError, ValueError):
            raise SourceDown("Prometheus' answer could not be read") from None
        return Window(
            WINDOW_SECONDS,
            dict(zip(counters, increases, strict=True)),
            traffic,
            latency,
        )

    def _rate(self, name: str, labels: Labels) -> str:
        selected = f"{name}{{{GATEWAY_JOBS}{self._also}}}"
        return f"sum by ({', '.join(labels)}) (rate({selected}[{RATE_SECONDS}s]))"

    async def _increase(self, name: str, labels: Labels) -> Values:
        jobs = GATEWAY_JOBS if name in GATEWAY_COUNTERS else PREDICTOR_JOBS
        increase = f"increase({name}{{{jobs}{self._also}}}[{WINDOW_SECONDS:g}s])"
        found = await self._ask("query", query=f"sum by ({', '.join(labels)}) ({increase})")
        values: dict[Labels, float] = defaultdict(float)
        for series in found:
            kept = tuple(series["metric"].get(label, "") for label in labels)
            values[kept] += float(series["value"][1])
        return values

    async def _history(self, query: str) -> dict[Who, tuple[Point, ...]]:
        end = time.time()
        found = await self._ask(
            "query_range",
            query=query,
            start=f"{end - HISTORY_SECONDS:.3f}",
            end=f"{end:.3f}",
            step=str(STEP_SECONDS),
        )
        return {
            who_of(tuple(series["metric"].get(label, "") for label in WHO)): tuple(
                Point(float(at), float(value))
                for at, value in series["values"]
                if math.isfinite(float(value))
            )
            for series in found
        }

    async def _ask(self, route: str, **parameters: str) -> list[dict[str, Any]]:
        async with self._session.post(
            self._api / route,
            data=parameters,
            allow_redirects=False,
            headers={"content-type": "application/x-www-form-urlencoded"},
        ) as response:
            body = await response.read()
        document = orjson.loads(body)
        if document.get("status") != "success":
            raise SourceDown(f"Prometheus answered {response.status}: {document.get('error')}")
        result: list[dict[str, Any]] = document["data"]["result"]
        return result


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()
