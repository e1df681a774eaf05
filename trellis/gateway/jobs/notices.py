"""What Redis publishes, heard on one connection; after a break every listener looks again."""

import asyncio
from collections.abc import Callable

from redis.asyncio import Redis

from trellis.gateway.redis_clients import heeding
from trellis.telemetry.logs import get_logger

#: Seconds of silence after which the connection is tried, and that the answer may take.
SILENCE_SECONDS = 10.0
ANSWER_SECONDS = 5.0
AGAIN_SECONDS = (0.1, 2.0)


class Notices:
    """Calls ``heard`` with each message of ``channel``, and ``missed`` when some may be lost."""

    def __init__(
        self, redis: Redis, channel: str, heard: Callable[[str], None], missed: Callable[[], None]
    ) -> None:
        self._redis = redis
        self._channel = channel
        self._heard = heard
        self._missed = missed

    async def run(self) -> None:
        """Listen until cancelled; a connection that breaks is made again."""
        pause = AGAIN_SECONDS[0]
        failing = False
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    with heeding():
                        await subscription.subscribe(self._channel)
                    while True:
                        with heeding():
                            message = await subscription.get_message(timeout=SILENCE_SECONDS)
                        if message is None:
                            with heeding():
                                await subscription.ping()
                                message = await subscription.get_message(timeout=ANSWER_SECONDS)
                            if message is None:
                                break
                        if message["type"] == "subscribe":
                            self._missed()
                            failing, pause = False, AGAIN_SECONDS[0]
                        elif message["type"] == "message":
                            self._heard(message["data"].decode())
            except Exception as error:  # noqa: BLE001 - a connection that dies at a bad moment is a RuntimeError of uvloop's
                if not failing:
                    get_logger().warning(
                        "jobs' notices are not heard",
                        problem=f"{type(error).__name__}: {error}"[:300],
                    )
                failing = True
            await asyncio.sleep(pause)
            pause = min(2 * pause, AGAIN_SECONDS[1])
