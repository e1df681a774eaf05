import asyncio
import time
from typing import Any

import pytest

from trellis.gateway import body as body_module
from trellis.gateway.body import Body, ClientGone
from trellis.gateway.errors import BadRequest, Overloaded, TooLarge
from trellis.gateway.gate import Gate


def receiving(*messages: Any) -> Any:
    left = list(messages)

    async def receive() -> Any:
        return left.pop(0)

    return receive


def piece(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


GONE = {"type": "http.disconnect"}


async def begun(receive: Any, content_length: bytes | None = None) -> Body:
    body = Body(receive, 10)
    await body.begin(content_length)
    return body


async def test_a_body_in_one_piece_is_whole() -> None:
    body = await begun(receiving(piece(b"abc")), b"3")
    assert body.whole == b"abc"
    assert body.arrived
    assert await body.read() == b"abc"


async def test_a_body_in_pieces_is_streamed_in_order() -> None:
    body = await begun(receiving(piece(b"a", more=True), piece(b"", more=True), piece(b"bc")))
    assert body.whole is None
    assert not body.arrived
    assert [part async for part in body.stream()] == [b"a", b"bc"]
    assert body.arrived


async def test_a_stated_length_over_the_limit_is_refused_before_the_body() -> None:
    with pytest.raises(TooLarge, match="over the limit of 10 bytes"):
        await begun(receiving(), b"11")


async def test_a_length_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadRequest, match="content-length"):
        await begun(receiving(), b"-1")


@pytest.mark.parametrize("first", [b"12345678901", b"12345"])
async def test_more_bytes_than_the_limit_are_refused_without_a_stated_length(first: bytes) -> None:
    receive = receiving(piece(first, more=True), piece(b"678901"))
    with pytest.raises(TooLarge):
        await (await begun(receive)).read()


async def test_the_failure_of_a_stream_is_kept() -> None:
    body = await begun(receiving(piece(b"12345", more=True), piece(b"678901")))
    with pytest.raises(TooLarge):
        [part async for part in body.stream()]
    assert isinstance(body.failure, TooLarge)


async def test_a_caller_that_leaves_is_noticed() -> None:
    with pytest.raises(ClientGone):
        await begun(receiving(GONE))
    body = await begun(receiving(piece(b"a", more=True), GONE))
    with pytest.raises(ClientGone):
        await body.read()
    assert isinstance(body.failure, ClientGone)


async def test_a_refused_body_is_read_to_its_end_and_no_further() -> None:
    left = [piece(b"a", more=True), piece(b"b"), piece(b"the next request's")]

    async def receive() -> Any:
        return left.pop(0)

    await Body(receive, 10).discard()
    assert left == [piece(b"the next request's")]


async def test_a_refused_body_whose_caller_leaves_is_done_with() -> None:
    await Body(receiving(piece(b"a", more=True), GONE), 10).discard()


async def test_a_refused_body_that_never_ends_is_read_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body_module, "DISCARD_SECONDS", 0.05)

    async def receive() -> Any:
        await asyncio.sleep(0.01)
        return piece(b"a", more=True)

    async with asyncio.timeout(5):
        await Body(receive, 10).discard()


async def test_a_body_that_was_read_is_whole_and_read_alike_again() -> None:
    body = await begun(receiving(piece(b"12345", more=True), piece(b"67")))
    assert body.whole is None
    assert [await body.read(), await body.read(), body.whole] == [b"1234567"] * 3
    assert [part async for part in body.stream()] == [b"1234567"]


async def test_when_the_last_piece_came_is_known() -> None:
    body = await begun(receiving(piece(b"a", more=True), piece(b"b")))
    assert body.arrived_at == float("inf")
    before = time.monotonic()
    await body.read()
    assert before <= body.arrived_at <= time.monotonic()


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab", b"cd")], ids=["one", "two"])
async def test_what_is_read_whole_is_counted_once_until_the_end(pieces: tuple[bytes, ...]) -> None:
    gate = Gate(1, 10)
    messages = [piece(part, more=part is not pieces[-1]) for part in pieces]
    body = Body(receiving(*messages), 10, gate)
    await body.begin(None)
    assert gate.held_bytes == 0, "what is streamed is not held"
    for _ in range(2):
        assert await body.read() == b"abcd"
        assert gate.held_bytes == 4
    for _ in range(2):
        body.let_go()
        assert gate.held_bytes == 0


async def test_a_body_that_finds_no_room_holds_nothing_after_it() -> None:
    gate = Gate(1, 3)
    body = Body(receiving(piece(b"ab", more=True), piece(b"cd")), 10, gate)
    await body.begin(None)
    with pytest.raises(Overloaded):
        await body.read()
    body.let_go()
    assert gate.held_bytes == 0
