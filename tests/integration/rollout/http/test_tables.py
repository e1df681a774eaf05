import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.integration.rollout.served import served
from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.compile import WeightedRevision, compile_table
from trellis.rollout.http import tables
from trellis.rollout.http.tables import TableServer


def table(weight: float, previous: RoutingTable | None = None) -> RoutingTable:
    arms = [
        WeightedRevision(
            url="http://127.0.0.1:1", grpc_address=None, model="tomato", version=name,
            revision=name, fingerprint="", role="arm", weight=share,
        )
        for name, share in (("r1", 100 - weight), ("r2", weight))
    ]  # fmt: skip
    return compile_table({"tomato": arms}, None, previous)


async def tag(session: aiohttp.ClientSession, url: str) -> str:
    """The present table's."""
    async with session.get(url) as answer:
        return answer.headers["etag"]


@pytest.fixture
def server() -> TableServer:
    return TableServer()


@pytest.fixture
async def url(server: TableServer) -> AsyncIterator[str]:
    async with served(server) as url:
        yield url


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_who_asks_before_the_first_table_waits_for_it(
    server: TableServer, url: str, session: aiohttp.ClientSession
) -> None:
    asked = asyncio.create_task(session.get(url))
    await asyncio.sleep(0.2)
    assert not asked.done()
    first = table(0)
    await server.publish(first)
    async with await asked as answer:
        assert RoutingTable.model_validate_json(await answer.read()) == first
        assert answer.headers["etag"].startswith('"1-')


async def test_two_replicas_tables_of_one_number_are_told_apart(
    server: TableServer, url: str, session: aiohttp.ClientSession
) -> None:
    await server.publish(table(0))
    known = await tag(session, url)
    await server.publish(table(20))
    async with session.get(url, headers={"if-none-match": known}) as answer:
        assert (answer.status, (await answer.json())["version"]) == (200, 1)


async def test_a_known_table_is_304_at_once_or_after_the_wait(
    server: TableServer, url: str, session: aiohttp.ClientSession
) -> None:
    await server.publish(table(0))
    present = await tag(session, url)
    known = {"if-none-match": present}
    async with session.get(url, headers=known) as answer:
        assert (answer.status, answer.headers["etag"]) == (304, present)
    began = time.monotonic()
    async with session.get(url, headers={**known, "prefer": "wait=1"}) as answer:
        assert answer.status == 304
    assert 0.9 < time.monotonic() - began < 10


async def test_a_change_ends_the_wait(
    server: TableServer, url: str, session: aiohttp.ClientSession
) -> None:
    first = table(0)
    await server.publish(first)
    known = await tag(session, url)
    headers = {"if-none-match": known, "prefer": "respond-async, wait=60"}
    waiting = asyncio.create_task(session.get(url, headers=headers))
    await asyncio.sleep(0.1)
    await server.publish(table(20, first))
    async with await asyncio.wait_for(waiting, 5) as answer:
        assert (await answer.json())["version"] == 2


async def test_it_knows_which_table_each_follower_uses(
    server: TableServer, url: str, session: aiohttp.ClientSession
) -> None:
    async def ask(instance: str | None, known: str | None) -> None:
        headers = {"x-trellis-instance": instance, "if-none-match": known}
        given = {name: value for name, value in headers.items() if value is not None}
        async with session.get(url, headers=given):
            pass

    first = table(0)
    await server.publish(first)
    assert await server.until_in_use(0.05)  # nobody follows
    await ask("gateway-1", None)
    assert not await server.until_in_use(0.05)
    held = await tag(session, url)
    await ask("gateway-1", held)
    assert await server.until_in_use(0.05)
    await ask("gateway-2", held)
    await server.publish(table(20, first))
    assert server.behind == 2
    second = await tag(session, url)
    await ask(None, second)  # somebody who does not follow
    await ask("gateway-1", second)
    assert server.behind == 1
    waiting = asyncio.create_task(server.until_in_use(10))
    await ask("gateway-2", second)
    assert await waiting


async def test_a_follower_that_is_gone_keeps_nobody_waiting(
    server: TableServer,
    url: str,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = table(0)
    await server.publish(first)
    known = await tag(session, url)
    async with session.get(url, headers={"x-trellis-instance": "g", "if-none-match": known}):
        pass
    second = table(20, first)
    held = {"x-trellis-instance": "h", "if-none-match": known, "prefer": "wait=60"}
    waiting = asyncio.create_task(session.get(url, headers=held))
    while server._followers.get("h") is None:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)
    monkeypatch.setattr(tables, "_GONE_SECONDS", 0.0)
    assert server.behind == 0
    assert set(server._followers) == {"h"}  # whose request is open
    await server.publish(second)
    await (await waiting).read()


async def test_it_tells_the_number_of_the_table_that_each_follower_holds(
    server: TableServer, url: str, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = table(0)
    assert server.held() == {}
    await server.publish(first)
    present = await tag(session, url)
    foreign = {"new": "", "older": '"0-abc"', "other": '"1-abc"', "ahead": '"7-abc"', "odd": "odd"}
    for instance, known in {"mine": present, **foreign}.items():
        headers = {"x-trellis-instance": instance, "if-none-match": known}
        async with session.get(url, headers=headers):
            pass
    behind = {"new": -1, "older": 0, "other": 0, "ahead": 0, "odd": -1}
    assert server.held() == {"mine": 1, **behind}
    await server.publish(table(20, first))
    assert server.held() == {"mine": 1, "new": -1, "older": 0, "other": 1, "ahead": 1, "odd": -1}
    assert not server.is_complete
    monkeypatch.setattr(tables, "_FOUND_SECONDS", 0.0)
    assert server.is_complete
