"""Answers in one write, over uvicorn and real sockets: nothing but the packets differs."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from trellis.serving.rest.whole import WholeProtocol, exchange_of

Reply = tuple[int, dict[bytes, bytes], bytes]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Echoes the body, in one write where that is possible; says how it was read and answered."""
    exchange = exchange_of(scope)
    assert exchange is not None
    body, read = exchange.body(), b"whole"
    if body is None:
        body, read, more = b"", b"received", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
    headers = [(b"content-length", b"%d" % len(body)), (b"x-read", read)]
    if scope["path"] == "/close":
        headers.append((b"connection", b"close"))
    if scope["path"] == "/evil":
        headers.append((b"x-evil", b"a\r\nset-cookie: b"))
    if not exchange.answer(200, headers, body):
        headers.append((b"x-usual", b"yes"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of ``app``."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=WholeProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await task


async def read(reader: asyncio.StreamReader) -> Reply:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    first, *lines = head[:-4].split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    return int(first.split()[1]), headers, await reader.readexactly(int(headers[b"content-length"]))


def post(path: str, body: bytes, version: str = "1.1") -> bytes:
    return (
        f"POST {path} HTTP/{version}\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )


async def test_a_connection_carries_one_request_after_another() -> None:
    async with serving() as (reader, writer):
        for body in (b"one", b"", b"three" * 1000):
            writer.write(post("/", body))
            status, headers, answer = await read(reader)
            assert (status, headers[b"x-read"], answer) == (200, b"whole", body)
            assert b"date" in headers
            assert b"x-usual" not in headers


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as (reader, writer):
        writer.write(post("/", b"one") + post("/", b"two") + post("/close", b"three"))
        assert [(await read(reader))[2] for _ in range(3)] == [b"one", b"two", b"three"]
        assert await reader.read() == b""


async def test_a_body_that_comes_in_parts_is_received() -> None:
    async with serving() as (reader, writer):
        whole = post("/", b"x" * 300_000)
        writer.write(whole[:100])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(whole[100:])
        _, headers, answer = await read(reader)
        assert headers[b"x-read"] == b"received"
        assert answer == b"x" * 300_000


async def test_the_connection_ends_where_either_side_says_so() -> None:
    for request in (post("/close", b"a"), post("/", b"a", version="1.0")):
        async with serving() as (reader, writer):
            writer.write(request)
            _, headers, answer = await read(reader)
            assert (headers[b"connection"], answer) == (b"close", b"a")
            assert await reader.read() == b""


async def test_a_header_cannot_smuggle_another() -> None:
    async with serving() as (reader, writer):
        writer.write(post("/evil", b"a"))
        # uvicorn refuses it on the usual way and ends the connection.
        assert b"set-cookie" not in await reader.read()


async def test_a_head_without_a_body_takes_the_usual_way() -> None:
    async with serving() as (reader, writer):
        writer.write(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n" + post("/", b"next"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"x-usual: yes" in head
        assert (await read(reader))[2] == b"next"
