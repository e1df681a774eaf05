"""The controller's client before a real server: documents, refusals in words, and bad days."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.integration.gateway.controller import ControllerProcess
from tests.integration.gateway.controller_server import OWNED, TOKEN
from tests.integration.ports import free_port
from trellis.gateway import controller_client
from trellis.gateway.controller_client import Asker, ControllerClient
from trellis.gateway.errors import Conflict, ControllerDown, DeadlineExceeded, NotFound
from trellis.gateway.upstream import new_session

ASKER = Asker("k1", "r1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControllerProcess]:
    process = ControllerProcess(tmp_path_factory.mktemp("controller"))
    process.up()
    yield process
    process.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with new_session() as client:
        yield client


@pytest.fixture
def client(server: ControllerProcess, session: aiohttp.ClientSession) -> ControllerClient:
    return ControllerClient(server.url + "/", TOKEN, session)


async def test_models_and_what_changes_them(
    client: ControllerClient, server: ControllerProcess
) -> None:
    (leaf,) = (await client.models()).models
    assert [revision.version for revision in leaf.revisions] == ["v0", "v1", "v2"]
    after = await client.activate("leaf", "v2", ASKER)
    assert {revision.version: revision.weight for revision in after.revisions}["v2"] == 1
    back = await client.rollback("leaf", "v2", ASKER)
    assert {revision.version: revision.weight for revision in back.revisions}["v1"] == 1
    told = server.told()[-1]
    assert (told["x-trellis-actor"], told["x-request-id"]) == ("k1", "r1")


async def test_an_experiment_is_changed_only_from_what_was_read(client: ControllerClient) -> None:
    assert (await client.put_experiment("fresh", OWNED, None, ASKER)).experiment == OWNED
    read = await client.experiment("fresh")
    off = OWNED.model_copy(update={"enabled": False})
    assert (await client.put_experiment("fresh", off, read.etag, ASKER)).experiment == off
    with pytest.raises(Conflict, match="has changed since"):
        await client.put_experiment("fresh", OWNED, read.etag, ASKER)
    assert (await client.experiments()).experiments["fresh"] == off


async def test_refusals_pass_in_the_controllers_words(client: ControllerClient) -> None:
    with pytest.raises(NotFound, match="unknown experiment 'nope'"):
        await client.experiment("nope")
    with pytest.raises(Conflict, match="managed by 'argocd'"):
        await client.put_experiment("owned", OWNED, None, ASKER)


@pytest.mark.parametrize("name", ["..", "a/b", "a%2Fb", "", "é", "a" * 70, "a\r\nb"])
async def test_a_name_that_cannot_be_never_leaves(
    client: ControllerClient, server: ControllerProcess, name: str
) -> None:
    before = len(server.told())
    with pytest.raises(NotFound, match="nothing is called"):
        await client.experiment(name)
    assert len(server.told()) == before


@pytest.mark.parametrize("do", ["garbage", "fails"])
async def test_the_controllers_own_faults_leak_nothing(client: ControllerClient, do: str) -> None:
    with pytest.raises(ControllerDown, match=r"cannot be read|its log says more") as raised:
        await client.activate("leaf", "v1", Asker("k1", do))
    assert "stack" not in str(raised.value)


async def test_a_wrong_token_is_no_fault_of_the_caller(
    server: ControllerProcess, session: aiohttp.ClientSession
) -> None:
    with pytest.raises(ControllerDown) as raised:
        await ControllerClient(server.url, "another token", session).models()
    assert "secret" not in str(raised.value)


async def test_a_slow_controller_may_have_done_it(
    client: ControllerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controller_client, "ANSWER_SECONDS", 0.2)
    with pytest.raises(DeadlineExceeded, match="may have been made"):
        await client.activate("leaf", "v1", Asker("k1", "slow"))


async def test_no_controller_and_none_that_listens(session: aiohttp.ClientSession) -> None:
    unset = ControllerClient(None, None, session)
    assert not unset.set_up
    with pytest.raises(ControllerDown, match="controller_url is not set"):
        await unset.models()
    with pytest.raises(ControllerDown, match="does not answer"):
        await ControllerClient(f"http://127.0.0.1:{free_port()}", None, session).models()


async def test_a_controller_that_breaks_off(session: aiohttp.ClientSession) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ControllerDown, match="does not answer"):
            await ControllerClient(f"http://127.0.0.1:{port}", None, session).models()
