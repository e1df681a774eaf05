"""What a predictor tells of itself arrives in pieces, and is read to its end."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from trellis.contracts.routing_table import Arm
from trellis.gateway import catalogue
from trellis.gateway.catalogue import Catalogue
from trellis.gateway.ejection import Rules
from trellis.gateway.errors import UpstreamBroke
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.router import Target
from trellis.gateway.upstream import Upstream, new_session
from trellis.telemetry.metrics import GatewayMetrics

NOTE = "long " * 1000
DOCUMENT = json.dumps(
    {
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1], "content": "text"}],
        "data": {"note": NOTE},
    }
).encode()


async def _described() -> str:
    ended = asyncio.Event()

    async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(DOCUMENT))
        with contextlib.suppress(ConnectionError):
            for start in range(0, len(DOCUMENT), 2000):
                writer.write(DOCUMENT[start : start + 2000])
                await writer.drain()
                await asyncio.sleep(0.02)
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        open_ones.discard(writer)
        if not open_ones:
            ended.set()

    open_ones: set[asyncio.StreamWriter] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        open_ones.add(writer)
        return in_pieces(reader, writer)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    arm = Arm(
        url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        model="m",
        version="v1",
        revision="r",
    )
    metrics = GatewayMetrics(CollectorRegistry())
    meter = Meters(metrics).of("m", "v1", "r")
    health = Healths(metrics, Rules(0, 1.0)).of("m", arm)
    async with server:
        try:
            async with new_session() as session:
                target = Target("m", arm, meter, health)
                return (await Catalogue(Upstream(session, 1)).describe(target, 5)).note
        finally:
            await asyncio.wait_for(ended.wait(), 5)


async def test_a_document_in_pieces_is_read_whole_and_within_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await _described() == NOTE
    monkeypatch.setattr(catalogue, "MOST_BYTES", 3000)
    with pytest.raises(UpstreamBroke):
        await _described()
