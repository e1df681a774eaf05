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


def target_at(port: int, name: str = "m") -> Target:
    arm = Arm(url=f"http://127.0.0.1:{port}", model="m", version="v1", revision="r")
    metrics = GatewayMetrics(CollectorRegistry())
    meter = Meters(metrics).of(name, "v1", "r")
    return Target(name, arm, meter, Healths(metrics, Rules(0, 1.0)).of(name, arm))


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
    target = target_at(server.sockets[0].getsockname()[1])
    async with server:
        try:
            async with new_session() as session:
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


class Counted:
    """A predictor that counts what it is asked, and answers ``body`` once it is let."""

    def __init__(self, status: str = "200 OK", body: bytes = DOCUMENT) -> None:
        self.asked: list[bytes] = []
        self.let = asyncio.Event()
        self._answer = b"HTTP/1.1 %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
            status.encode(),
            len(body),
            body,
        )

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._one, "127.0.0.1", 0)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
        await self.let.wait()
        writer.write(self._answer)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def until_asked(self) -> None:
        while len(self.asked) < 2:  # noqa: ASYNC110 - the predictor's side has no event for it
            await asyncio.sleep(0.01)


ROUTES = [b"/v2/models/m", b"/v2/models/m/examples"]


async def test_who_asks_at_once_shares_a_question_and_who_leaves_does_not_end_it() -> None:
    predictor = Counted()
    async with await predictor.serve() as server, new_session() as session:
        models = Catalogue(Upstream(session, 1))
        target = target_at(server.sockets[0].getsockname()[1])
        first, *others = [asyncio.create_task(models.describe(target, 30)) for _ in range(9)]
        await asyncio.wait_for(predictor.until_asked(), 30)
        first.cancel()
        predictor.let.set()
        told = await asyncio.gather(*others)
        assert {one.note for one in told} == {NOTE}
        assert (await models.describe(target, 30)).note == NOTE
    assert sorted(predictor.asked) == ROUTES


async def test_a_question_that_fails_is_refused_to_each_by_itself() -> None:
    predictor = Counted("500 Internal Server Error", b"{}")
    async with await predictor.serve() as server, new_session() as session:
        models = Catalogue(Upstream(session, 1))
        target = target_at(server.sockets[0].getsockname()[1])
        asking = [asyncio.create_task(models.describe(target, 30)) for _ in range(3)]
        await asyncio.wait_for(predictor.until_asked(), 30)
        predictor.let.set()
        refused = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(one) for one in refused] == [UpstreamBroke] * 3
    assert len({str(one) for one in refused}) == 1
    assert len({id(one) for one in refused}) == 3
    assert sorted(predictor.asked) == ROUTES


async def test_one_arm_describes_each_of_its_models_under_its_own_name() -> None:
    predictor = Counted()
    predictor.let.set()
    async with await predictor.serve() as server, new_session() as session:
        models = Catalogue(Upstream(session, 1))
        port = server.sockets[0].getsockname()[1]
        told = [await models.describe(target_at(port, name), 30) for name in ("one", "two")]
    assert [one.name for one in told] == ["one", "two"]
