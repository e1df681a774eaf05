"""What is measured of the controller's process: its start, its steady state, and its verdicts."""

import asyncio
import contextlib
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tests.bench.controller.world import World
from tests.bench.processes import Server
from trellis.rollout.metrics.exposition import samples

#: Seconds until whatever began is over.
PATIENCE = 300.0
#: The share of a canary's answers that are errors, once it errs.
ERRORS = 0.5


@dataclass(frozen=True)
class Steady:
    """``cores`` are CPU seconds a second; memory is in 10^6 bytes, ``peak`` since the process began."""

    title: str
    seconds: float
    cores: float
    resident: float
    peak: float
    passes: float
    pages: float


@dataclass(frozen=True)
class Acted:
    """Seconds from a canary's first errors to weight 0 in its InferenceService: until the look that
    showed enough, and from there. ``looks`` had errors to show.
    """

    until_evidence: float
    own: float
    looks: int

    @property
    def total(self) -> float:
        """From the first error to the weight."""
        return self.until_evidence + self.own


@contextlib.asynccontextmanager
async def running(server: Server, services: int) -> AsyncIterator[float]:
    """The process for the length of the block; seconds from its start until each Rollout had a pass."""
    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, server)
        try:
            await _until_passed(server, services)
            yield time.perf_counter() - began
        finally:
            # Its last looks need this loop for their answers.
            await asyncio.to_thread(stack.close)


async def _until_passed(server: Server, services: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        phases = await _sum_of(server, "trellis_rollouts")
        if phases >= services <= await _passes(server):
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"not all of {services} Rollouts had a pass within {PATIENCE:g} s")


async def steady(server: Server, world: World, title: str, seconds: float) -> Steady:
    """Look on for so long."""
    before = server.cpu_seconds(), await _passes(server), world.pages.asked
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    taken = time.perf_counter() - began
    after = server.cpu_seconds(), await _passes(server), world.pages.asked
    cores, passes, pages = ((now - then) / taken for then, now in zip(before, after, strict=True))
    return Steady(title, taken, cores, server.resident_mb(), server.peak_mb(), passes, pages)


async def verdict(world: World, name: str) -> Acted:
    """From now on half of the canary's answers are errors; raises ``RuntimeError`` where that is borne."""
    page = world.pages.pods[world.kserve.address(name, "v2")]
    heard = world.kserve.weight_is(name, 0)
    began = time.monotonic()
    page.watched = True
    page.traffic.change(began, errors=ERRORS)
    try:
        async with asyncio.timeout(PATIENCE):
            at = await heard
    except TimeoutError:
        raise RuntimeError(f"{name} was not rolled back within {PATIENCE:g} s") from None
    shown = [moment for moment, errors in page.shown if errors and moment <= at]
    return Acted(shown[-1] - began, at - shown[-1], len(shown))


def median_and_worst(values: Sequence[float]) -> tuple[float, float]:
    """Of some seconds."""
    return statistics.median(values), max(values)


async def _passes(server: Server) -> float:
    return await _sum_of(server, "trellis_controller_passes_total")


async def _sum_of(server: Server, name: str) -> float:
    """Over all labels, by its own metrics."""

    def read() -> float:
        address = f"http://127.0.0.1:{server.http_port}/metrics"
        with urllib.request.urlopen(address, timeout=30) as answer:
            return sum(sample.value for sample in samples(answer.read(), [name]))

    return await asyncio.to_thread(read)
