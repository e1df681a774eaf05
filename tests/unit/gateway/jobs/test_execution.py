import asyncio
from typing import Any

import pytest

from trellis.contracts.events import Exposure
from trellis.gateway.attempt import MET, Met
from trellis.gateway.doorway import ADMITTED
from trellis.gateway.jobs.execution import AnswerTooLarge, Execution, NoAnswer, scope_of
from trellis.gateway.jobs.queue import Work

WORK = Work(
    method="POST",
    path="/v2/models/a%20b/infer?x=1&y=%2F",
    headers=(
        ("content-type", "text/x"),
        ("x-name", "\xfc"),
        ("prefer", "respond-async"),
        ("authorization", "Bearer secret"),
        ("content-length", "999"),
    ),
    body=b"input",
    model="a b",
    version=None,
    caller="key1",
    scopes=frozenset({"infer"}),
    attempt=1,
    left=1.0,
    waited=0.0,
)

EXPOSURES: list[Exposure] = []
NOBODY: Met = EXPOSURES.append


class Application:
    """Keeps what it was asked; answers in the pieces given, and then ends or not."""

    def __init__(self, *pieces: bytes, whole: bool = True) -> None:
        self._pieces = pieces
        self._whole = whole
        self.scope: dict[str, Any] = {}
        self.body = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        message = await receive()
        assert not message["more_body"]
        self.body = message["body"]
        headers = [(b"Content-Type", b"text/y"), (b"x-twice", b"1"), (b"x-twice", b"2")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if self._whole:
            await send({"type": "http.response.body"})


async def test_the_application_is_asked_as_over_the_network_by_a_caller_who_is_known() -> None:
    application = Application(b"an ", b"answer")
    answer = await Execution(application, 100).answer(WORK, NOBODY)
    assert (answer.status, answer.body) == (201, b"an answer")
    assert answer.headers == (("content-type", "text/y"), ("x-twice", "1"), ("x-twice", "2"))
    scope = application.scope
    assert application.body == b"input"
    assert (scope["method"], scope["path"]) == ("POST", "/v2/models/a b/infer")
    assert (scope["raw_path"], scope["query_string"]) == (b"/v2/models/a%20b/infer", b"x=1&y=%2F")
    assert scope["headers"] == [
        (b"content-type", b"text/x"),
        (b"x-name", b"\xfc"),
        (b"content-length", b"5"),
    ]
    caller = scope[ADMITTED]
    assert (caller.key_id, caller.scopes) == ("key1", frozenset({"infer"}))
    assert scope[MET] is NOBODY


async def test_an_answer_that_breaks_off_is_none() -> None:
    with pytest.raises(NoAnswer, match="broke off"):
        await Execution(Application(b"an ", whole=False), 100).answer(WORK, NOBODY)


async def test_an_answer_over_the_bound_is_not_held() -> None:
    with pytest.raises(AnswerTooLarge, match="limit of 8 bytes"):
        await Execution(Application(b"an ", b"answer"), 8).answer(WORK, NOBODY)


async def test_nobody_leaves_while_the_job_runs() -> None:
    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        await receive()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await Execution(application, 8).answer(WORK, NOBODY)


def test_a_path_without_a_query_has_an_empty_one() -> None:
    scope = scope_of(WORK._replace(path="/predict"))
    assert (scope["path"], scope["query_string"]) == ("/predict", b"")
