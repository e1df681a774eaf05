"""Commands to one Redis over one connection: while a batch is under way, the next one gathers.

Under load that costs a quarter of a command each, and the order of commands is kept. Nobody
waits longer than the time allowed: then all who wait are told, and the circuit opens.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from trellis.gateway.breaker import PAUSES, Breaker
from trellis.gateway.redis_clients import heeding
from trellis.telemetry.metrics import GatewayMetrics

Word = bytes | str | int

#: Commands in one batch at most: a batch is also what is lost when its time runs out.
BATCH = 32
#: When the time is up the loop may itself have been late, with the answer already in the socket:
#: it looks so many times more, a millisecond apart.
LOOKS = 3


class RedisAway(Exception):
    """Redis did not answer in time, or the circuit is open; whether it did the command is open."""


class Pipe:
    """Sends commands to ``redis``; a batch may take ``timeout`` seconds.

    ``breaker`` probes with a connection that the pipe then uses, so that no caller waits for one.
    ``pauses`` are those of the breaker.
    """

    def __init__(
        self,
        redis: Redis,
        metrics: GatewayMetrics,
        timeout: float,
        *,
        pauses: tuple[float, float] = PAUSES,
    ) -> None:
        self._pool = redis.connection_pool
        self._timeout = timeout
        self.breaker = Breaker("cache", self._connect, metrics, reached=False, pauses=pauses)
        self._connection: AbstractConnection | None = None
        self._waiting: list[tuple[tuple[Word, ...], asyncio.Future[Any]]] = []
        self._under_way: list[tuple[tuple[Word, ...], asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def ask(self, *command: Word) -> Any:
        """The command's answer. Raises ``RedisAway``, or ``ResponseError`` where Redis refuses it."""
        if not self.breaker.closed:
            raise RedisAway
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, answer))
        if self._sending is None:
            self._sending = loop.create_task(self._send())
        return await answer

    async def close(self) -> None:
        """End what is under way, and the connection."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
        await self._drop()

    async def _connect(self) -> None:
        connection: Any = self._pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py has no type for it
        try:
            with heeding():
                await connection.connect()
                await connection.send_command("PING")
                await connection.read_response()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        await self._drop()
        self._connection = connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                self._under_way, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                clock = _Clock(loop, self._timeout, self._cut)
                try:
                    answers = await self._execute([command for command, _ in self._under_way])
                finally:
                    clock.stop()
                for (_, future), answer in zip(self._under_way, answers, strict=True):
                    if future.done():
                        continue
                    if isinstance(answer, ResponseError):
                        future.set_exception(answer)
                    else:
                        future.set_result(answer)
                self._under_way = []
        except asyncio.CancelledError:
            # Answers to what was asked may still come: nobody may take them for later ones.
            await self._drop()
        except (RedisError, OSError) as error:
            self.breaker.trip(str(error))
            await self._drop()
        finally:
            self._sending = None
            self._tell_all()

    async def _execute(self, commands: list[tuple[Word, ...]]) -> list[Any]:
        connection = self._connection
        if connection is None:
            raise RedisConnectionError("not connected")
        with heeding():
            await connection.send_packed_command(connection.pack_commands(commands))
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as refused:
                answers.append(refused)
        return answers

    def _cut(self) -> None:
        self.breaker.trip(f"no answer within {self._timeout * 1000:g} ms")
        if self._sending is not None:
            self._sending.cancel()

    def _tell_all(self) -> None:
        left, self._under_way, self._waiting = self._under_way + self._waiting, [], []
        for _, future in left:
            if not future.done():
                future.set_exception(RedisAway())


class _Clock:
    """Calls ``cut`` when ``seconds`` have passed and nothing has come by the last look."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, cut: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._cut = cut
        self._looks = LOOKS
        self._timer = loop.call_later(seconds, self._late)

    def stop(self) -> None:
        self._timer.cancel()

    def _late(self) -> None:
        if self._looks:
            self._looks -= 1
            self._timer = self._loop.call_later(0.001, self._late)
        else:
            self._cut()
