"""Metadata read over real sockets: told, refused, none."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from tests.integration.ports import free_port
from trellis.rollout.cluster import metadata as module
from trellis.rollout.cluster.metadata import Metadata, Said, Silent
from trellis.rollout.metrics import page

TOLD = {"name": "a/b", "version": "v1", "revision": "r1", "fingerprint": "sha256:1"}


class Predictor:
    """One pod's; ``answer`` is what it answers."""

    def __init__(self) -> None:
        self.answer: web.Response = web.json_response(TOLD)
        self.asked: list[str] = []
        self.port = 0

    async def respond(self, request: web.Request) -> web.Response:
        self.asked.append(request.raw_path)
        return self.answer


@pytest.fixture
async def predictor() -> AsyncIterator[Predictor]:
    found = Predictor()
    application = web.Application()
    application.router.add_get("/{path:.*}", found.respond)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


async def test_what_a_predictor_says_of_a_model(
    predictor: Predictor, session: ClientSession
) -> None:
    said = await Metadata(session, predictor.port).said("127.0.0.1", "a/b")
    assert said == Said("v1", "r1", "sha256:1")
    assert predictor.asked == ["/v2/models/a%2Fb"]


@pytest.mark.parametrize(
    ("fingerprint", "taken"),
    [
        ("a.B_0:-", True),
        ("f" * 128, True),
        ("f" * 129, False),
        ("sha256:1\n", False),
        ("two words", False),
        ("é", False),
        (1, False),
    ],
)
async def test_a_fingerprint_is_a_short_word(
    predictor: Predictor, session: ClientSession, fingerprint: object, *, taken: bool
) -> None:
    predictor.answer = web.json_response({**TOLD, "fingerprint": fingerprint})
    said = await Metadata(session, predictor.port).said("127.0.0.1", "m")
    assert said == Said("v1", "r1", str(fingerprint) if taken else "")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, '{"name": "m", "version": 1, "revision": null}'),
        (200, "[]"),
        (200, "<html>"),
        (302, ""),
        (401, ""),
        (404, ""),
        (501, ""),
    ],
)
async def test_who_does_not_know_of_it_says_nothing(
    predictor: Predictor, session: ClientSession, status: int, text: str
) -> None:
    predictor.answer = web.Response(status=status, text=text, headers={"location": "/elsewhere"})
    assert await Metadata(session, predictor.port).said("127.0.0.1", "m") == Said()
    assert predictor.asked == ["/v2/models/m"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_no_word(
    predictor: Predictor, session: ClientSession, status: int
) -> None:
    predictor.answer = web.Response(status=status)
    with pytest.raises(Silent, match=f"answered {status}"):
        await Metadata(session, predictor.port).said("127.0.0.1", "m")


async def test_who_does_not_listen_or_never_ends_is_silent(
    predictor: Predictor, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with pytest.raises(Silent, match=f"port {port} refuses"):
        await Metadata(session, port).said("127.0.0.1", "m")
    with pytest.raises(Silent, match="UnicodeError"):
        await Metadata(session, predictor.port).said("no..address", "m")
    monkeypatch.setattr(module, "MOST_BYTES", 16)
    with pytest.raises(Silent, match="more than"):
        await Metadata(session, predictor.port).said("127.0.0.1", "m")
    monkeypatch.undo()
    monkeypatch.setattr(page, "PAGE_SECONDS", 0.0)
    with pytest.raises(Silent, match="no answer within"):
        await Metadata(session, predictor.port).said("127.0.0.1", "m")
