"""What is read before a refusal is told."""

from typing import Any

import pytest

from trellis.gateway.unread_bodies import UnreadBodies

HEAD = {"type": "http", "method": "POST", "headers": []}
LEFT = [
    {"type": "http.request", "body": b"a", "more_body": True},
    {"type": "http.request", "body": b"b", "more_body": True},
    {"type": "http.request", "body": b"c"},
    {"type": "http.disconnect"},
]


async def left_after(status: int, read: int) -> int:
    """Messages left where an application reads some and answers."""
    messages = list(LEFT)
    left_at_answer = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            left_at_answer.append(len(messages))

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        for _ in range(read):
            await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await UnreadBodies(app)(HEAD, receive, send)
    return left_at_answer[0]


@pytest.mark.parametrize(
    ("status", "read", "left"),
    [
        pytest.param(413, 0, 1, id="refused unread"),
        pytest.param(422, 1, 1, id="refused half-read"),
        pytest.param(422, 3, 1, id="refused when whole: nothing is waited for"),
        pytest.param(408, 1, 3, id="too slow: not waited for again"),
        pytest.param(200, 1, 3, id="answered"),
    ],
)
async def test_only_a_refusal_waits_for_the_rest(status: int, read: int, left: int) -> None:
    assert await left_after(status, read) == left
