import asyncio
import contextlib
from collections.abc import AsyncIterator

from prometheus_client import CollectorRegistry

from trellis.gateway.breaker import Breaker
from trellis.telemetry.metrics import GatewayMetrics


class Helper:
    """Something that may be ill; counts how often it is probed."""

    def __init__(self) -> None:
        self.ill = True
        self.probed = 0
        self.seen = asyncio.Event()

    async def probe(self) -> None:
        self.probed += 1
        self.seen.set()
        if self.ill:
            raise ConnectionError("still ill")

    async def next_probe(self) -> None:
        self.seen.clear()
        await self.seen.wait()


class Circuit:
    def __init__(self, *, reached: bool = True) -> None:
        self.registry = CollectorRegistry()
        self.helper = Helper()
        self.breaker = Breaker(
            "helper",
            self.helper.probe,
            GatewayMetrics(self.registry),
            reached=reached,
            pauses=(0.001, 0.002),
        )

    @property
    def gauge(self) -> float | None:
        return self.registry.get_sample_value("trellis_circuit_open", {"circuit": "helper"})


@contextlib.asynccontextmanager
async def running(*, reached: bool = True) -> AsyncIterator[Circuit]:
    circuit = Circuit(reached=reached)
    task = asyncio.create_task(circuit.breaker.run())
    yield circuit
    task.cancel()
    await asyncio.wait({task})


async def test_it_is_closed_until_somebody_trips_it() -> None:
    async with running() as circuit:
        assert circuit.breaker.closed
        assert circuit.gauge == 0
        circuit.breaker.trip("no answer")
        circuit.breaker.trip("no answer again")
        assert not circuit.breaker.closed
        assert circuit.gauge == 1


async def test_nothing_is_probed_while_it_is_closed() -> None:
    async with running() as circuit:
        await asyncio.sleep(0)
        assert circuit.helper.probed == 0


async def test_it_stays_open_while_probes_fail_and_closes_when_one_succeeds() -> None:
    async with running() as circuit, asyncio.timeout(30):
        circuit.breaker.trip("no answer")
        while circuit.helper.probed < 3:
            await circuit.helper.next_probe()
            assert not circuit.breaker.closed
        circuit.helper.ill = False
        while not circuit.breaker.closed:
            await circuit.helper.next_probe()
        assert circuit.gauge == 0
        probed = circuit.helper.probed
        circuit.breaker.trip("ill anew")
        assert not circuit.breaker.closed
        while not circuit.breaker.closed:
            await circuit.helper.next_probe()
        assert circuit.helper.probed == probed + 1


async def test_one_that_was_never_reached_is_open_until_it_is() -> None:
    async with running(reached=False) as circuit, asyncio.timeout(30):
        assert not circuit.breaker.closed
        assert circuit.gauge == 1
        await circuit.helper.next_probe()
        assert not circuit.breaker.closed
        circuit.helper.ill = False
        while not circuit.breaker.closed:
            await circuit.helper.next_probe()
        assert circuit.gauge == 0
