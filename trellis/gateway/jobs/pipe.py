"""Sends commands to Redis in batches: what is asked for while one batch is away forms the next.

With ``appendfsync always`` Redis writes to disk once a batch, not once a job.

What lies in memory is bounded: a batch in bytes, sent and expected, and what waits in seconds, so
that a Redis that hangs does not gather everybody who asks.
"""

import asyncio
from collections import deque
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import (
    ConnectionError as NotConnected,
)
from redis.exceptions import NoScriptError, OutOfMemoryError

from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.scripts import Script
from trellis.gateway.redis_clients import DURABLE_SECONDS, heeding
from trellis.telemetry.logs import get_logger

#: Most commands of a batch, and most bytes of what they send and of what they say to expect: a
#: batch is packed whole, and its answers lie in memory until the last has come. A command with
#: more goes alone. (Requests that workers start are not among them: those all run at once anyway.)
BATCH = 256
BATCH_BYTES = 2**23
#: Seconds after which a call that could not even be sent is given up: two batches' worth of a
#: Redis that does not answer. Looked at between batches.
WAIT_SECONDS = 2 * DURABLE_SECONDS
NO_ANSWER = "the store of jobs does not answer; try again in a moment"

Word = str | bytes | int | float


class _Call(NamedTuple):
    words: tuple[Word, ...]
    script: Script | None
    answer: asyncio.Future[Any]
    since: float
    expected: int

    @property
    def length(self) -> int:
        """About how many bytes it takes to send, and its answer to keep."""
        sent = sum(len(word) for word in self.words if isinstance(word, str | bytes))
        return sent + self.expected


class Pipe:
    """One connection's worth of commands at a time; ``keys`` are what every script gets.

    A command whose connection breaks is sent once more, so all must bear that.
    """

    def __init__(self, redis: Redis, keys: tuple[str, ...]) -> None:
        self._redis = redis
        self._keys = keys
        self._waiting: deque[_Call] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def run(self, script: Script, *arguments: Word, expected: int = 0) -> Any:
        """The answer of a script, ``expected`` to have so many bytes. Raises ``JobsDown``."""
        words = ("EVALSHA", script.sha, len(self._keys), *self._keys, *arguments)
        return await self._ask(words, script, expected)

    async def ask(self, *words: Word) -> Any:
        """The answer of a command, as the client reads it. Raises ``JobsDown``."""
        return await self._ask(words, None, 0)

    async def settle(self) -> None:
        """Wait until all that was sent is answered; only then may the connections be closed."""
        while self._sender is not None:
            await asyncio.wait({self._sender})

    async def _ask(self, words: tuple[Word, ...], script: Script | None, expected: int) -> Any:
        loop = asyncio.get_running_loop()
        call = _Call(words, script, loop.create_future(), loop.time(), expected)
        self._waiting.append(call)
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        answer = await call.answer
        if isinstance(answer, JobsDown):
            raise answer
        if isinstance(answer, Exception):
            raise _down(answer) from answer
        return answer

    async def _send(self) -> None:
        try:
            while batch := self._next_batch():
                for call, answer in zip(batch, await self._answers(batch), strict=True):
                    _give(call, answer)
        finally:
            self._sender = None

    def _next_batch(self) -> list[_Call]:
        """What is sent next, the longest waiting first; empty where nobody waits any more."""
        self._give_up_old()
        batch: list[_Call] = []
        left = BATCH_BYTES
        while self._waiting and len(batch) < BATCH:
            call = self._waiting[0]
            if not call.answer.done():  # else its caller has left
                if batch and call.length > left:
                    break
                batch.append(call)
                left -= call.length
            self._waiting.popleft()
        return batch

    def _give_up_old(self) -> None:
        late = asyncio.get_running_loop().time() - WAIT_SECONDS
        given_up = 0
        while self._waiting and self._waiting[0].since < late:
            _give(self._waiting.popleft(), JobsDown(NO_ANSWER))
            given_up += 1
        if given_up:
            get_logger().warning("jobs' Redis was waited for in vain", calls=given_up)

    async def _answers(self, batch: list[_Call]) -> list[Any]:
        """One answer a call; an exception where there is none."""
        try:
            answers = await self._exchange(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for good
            return [error] * len(batch)
        unknown = {
            call.script
            for call, answer in zip(batch, answers, strict=True)
            if call.script is not None and isinstance(answer, NoScriptError)
        }
        if not unknown:
            return answers
        try:
            for script in unknown:
                await self._redis.script_load(script.text)
            # Refused ones did nothing; the others are not sent again.
            again = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            for at, answer in zip(
                again, await self._exchange([batch[at] for at in again]), strict=True
            ):
                answers[at] = answer
        except Exception as error:  # noqa: BLE001 - as above
            return [error if isinstance(each, NoScriptError) else each for each in answers]
        return answers

    async def _exchange(self, batch: list[_Call]) -> list[Any]:
        try:
            return await self._once(batch)
        except (NotConnected, RuntimeError):
            # The pool's connections die with their Redis; a new one may find it back. One that
            # dies at a bad moment is a RuntimeError of uvloop's.
            return await self._once(batch)

    async def _once(self, batch: list[_Call]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for call in batch:
            pipeline.execute_command(*call.words)
        with heeding():
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers


def _give(call: _Call, answer: Any) -> None:
    if not call.answer.done():
        call.answer.set_result(answer)


def _down(error: Exception) -> JobsDown:
    # Redis 6.2 tells it within another error's words.
    if isinstance(error, OutOfMemoryError) or "OOM command" in str(error):
        return JobsDown("the store of jobs is full; try again later")
    get_logger().warning("jobs' Redis failed", problem=f"{type(error).__name__}: {error}"[:300])
    return JobsDown(NO_ANSWER)
