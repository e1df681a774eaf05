"""The small ASGI layer: bodies within limits, flags, answers in two messages."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from trellis.serving.errors import (
    BadRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    WrongMediaType,
)
from trellis.serving.rest.http import (
    BodyLimits,
    BodyTooLarge,
    BodyTooLate,
    ClientGone,
    Request,
    respond_error,
    truth,
)

LIMITS = BodyLimits(10, 0.05)


def chunk(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


class Messages:
    """What an ASGI server would send, and then nothing more."""

    def __init__(self, messages: Sequence[dict[str, Any]]) -> None:
        self.left = list(messages)

    async def __call__(self) -> dict[str, Any]:
        import asyncio

        if not self.left:
            await asyncio.sleep(30)
        return self.left.pop(0)


def request(*messages: dict[str, Any], query: str = "", **headers: str) -> Request:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    return Request(scope, Messages(messages), LIMITS)


@pytest.mark.parametrize(
    "chunks", [[b"abc"], [b"", b"abc"], [b"a", b"b", b"c"], [b"abc", b""]], ids=str
)
async def test_a_body_in_any_number_of_pieces(chunks: list[bytes]) -> None:
    last = len(chunks) - 1
    messages = [chunk(part, more=place < last) for place, part in enumerate(chunks)]
    assert await request(*messages).body() == b"abc"


@pytest.mark.parametrize(
    ("messages", "headers", "words"),
    [
        ([chunk(b"x" * 11)], {}, "the body has 11 bytes, at most 10"),
        ([chunk(b"x" * 11)], {"content_length": "11"}, "the body has 11 bytes, at most 10"),
        ([chunk(b"x" * 6, more=True), chunk(b"x" * 6)], {}, "more than the 10 bytes"),
        ([chunk(b"x" * 11, more=True), chunk(b"x", more=True), GONE], {}, "more than the 10"),
    ],
)
async def test_a_body_over_the_limit(
    messages: list[dict[str, Any]], headers: dict[str, str], words: str
) -> None:
    with pytest.raises(BodyTooLarge, match=words):
        await request(*messages, **headers).body()


async def test_a_body_over_what_its_reader_takes() -> None:
    with pytest.raises(BodyTooLarge, match="the body has 6 bytes, at most 5"):
        await request(chunk(b"x" * 6)).body(5)
    with pytest.raises(BodyTooLarge, match="the body has 11 bytes, at most 10"):
        await request(chunk(b"x" * 11)).body(500)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "gzip, identity"])
async def test_a_compressed_body_is_read_and_refused_by_name(coding: str) -> None:
    compressed = request(chunk(b"\x1f\x8b", more=True), chunk(b"abc"), content_encoding=coding)
    with pytest.raises(WrongMediaType, match=f"header 'content-encoding' is '{coding}', expected"):
        await compressed.body()
    assert compressed._receive.left == []  # type: ignore[attr-defined]  # our own Messages


@pytest.mark.parametrize("coding", ["identity", " Identity ", ""])
async def test_a_body_that_is_said_to_be_as_it_is(coding: str) -> None:
    assert await request(chunk(b"abc"), content_encoding=coding).body() == b"abc"


async def test_what_is_told_to_be_too_large_is_thrown_away_unless_it_was_not_sent() -> None:
    sent = request(chunk(b"x" * 50, more=True), chunk(b"x" * 50), content_length="100")
    asked = request(chunk(b"x" * 100), content_length="100", expect="100-continue")
    for one in (sent, asked):
        with pytest.raises(BodyTooLarge, match="100 bytes"):
            await one.body()
    assert sent._receive.left == []  # type: ignore[attr-defined]  # our own Messages
    assert len(asked._receive.left) == 1  # type: ignore[attr-defined]  # our own Messages


@pytest.mark.parametrize("messages", [[], [chunk(b"x", more=True)]], ids=["nothing", "a part"])
async def test_a_body_that_does_not_come_in_time(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(BodyTooLate, match=r"not whole within the deadline of 0\.05 s"):
        await request(*messages).body()


@pytest.mark.parametrize("messages", [[GONE], [chunk(b"x", more=True), GONE]])
async def test_a_caller_that_has_gone(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(ClientGone):
        await request(*messages).body()


def test_query_header_and_content_type() -> None:
    one = request(query="a=1&a=2&b=", content_type="Image/PNG; x=y", x_request_id="mine")
    assert (one.query("a"), one.query("b"), one.query("c")) == ("2", "", None)
    assert one.content_type == b"image/png"
    assert one.request_id == "mine"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("false", False), ("0", False), ("No", False), ("", True), ("TRUE", True)],
)
def test_flags(value: str | None, expected: bool) -> None:
    assert truth(value, "fallback") is expected


def test_a_flag_in_doubt() -> None:
    with pytest.raises(BadRequest, match="parameter 'fallback' is 'maybe', expected true or false"):
        truth("maybe", "fallback")


@pytest.mark.parametrize(
    ("error", "header"),
    [
        (NotFound("no"), None),
        (Overloaded("no"), (b"retry-after", b"1")),
        (MethodNotAllowed("no", "POST"), (b"allow", b"POST")),
        (BodyTooLarge("no"), (b"connection", b"close")),
        (BodyTooLate("no"), (b"connection", b"close")),
    ],
    ids=lambda case: type(case).__name__,
)
async def test_an_error_is_one_sentence_with_its_headers(
    error: Any, header: tuple[bytes, bytes] | None
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await respond_error(send, error, "mine", ((b"x-model-version", b"v1"),))
    start, body = sent
    assert start["status"] == error.status
    headers = dict(start["headers"])
    assert orjson.loads(body["body"]) == {"error": "no"}
    assert headers[b"content-length"] == b"%d" % len(body["body"])
    assert headers[b"x-request-id"] == b"mine"
    assert headers[b"x-model-version"] == b"v1"
    extra = {name for name in headers if name in (b"retry-after", b"allow", b"connection")}
    assert extra == ({header[0]} if header else set())
    if header:
        assert headers[header[0]] == header[1]
