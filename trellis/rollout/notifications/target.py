"""One address that is told of rollouts: of each in order, of several at once.

Nothing waits for it: what it has no room for is left to be offered again.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

import aiohttp
from yarl import URL

from trellis.rollout.notifications.event import Message
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics
from trellis.web.pauses import Pauses
from trellis.web.signing import WebhookSigner

#: Messages that wait for one target, at most.
MOST_WAITING = 1000
#: Attempts at once, so that a target that hangs is not asked by a thousand at a time.
AT_ONCE = 4
#: Seconds that one attempt may take.
ATTEMPT_SECONDS = 10.0
PAUSES = Pauses(first=5.0, longest=600.0)
#: Seconds since the step after which a message is given up: nobody acts on yesterday's.
KEEP_SECONDS = 86400.0
GONE = 410

Outcome = Literal["delivered", "failed", "gone", "given_up"]


class Target:
    """``signer`` is None where nothing is signed. Tasks belong to the event loop that ``take`` runs in."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        signer: WebhookSigner | None,
        metrics: ControllerMetrics,
        *,
        pauses: Pauses = PAUSES,
        attempt_seconds: float = ATTEMPT_SECONDS,
        most_waiting: int = MOST_WAITING,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._session, self._signer = URL(url), session, signer
        self._outcomes, self._pauses, self._clock = metrics.notifications, pauses, clock
        self._timeout = aiohttp.ClientTimeout(total=attempt_seconds)
        self._most_waiting = most_waiting
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting: dict[str, deque[Message]] = {}
        self._taken: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def wants(self, uid: str, number: int) -> bool:
        """Whether the message is new here and there is room for it."""
        room = sum(map(len, self._waiting.values())) < self._most_waiting
        return room and number > self._taken.get(uid, 0)

    def take(self, uid: str, messages: Sequence[Message]) -> None:
        """Send these in order, those that are wanted."""
        for message in messages:
            if not self.wants(uid, message.number):
                continue
            self._taken[uid] = message.number
            if uid in self._waiting:
                self._waiting[uid].append(message)
                continue
            self._waiting[uid] = deque((message,))
            task = asyncio.create_task(self._tell(uid), name=f"notifications of {uid}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def sent(self, uid: str) -> int:
        """The number up to which nothing is left to send; 0 where nothing was taken."""
        waiting = self._waiting.get(uid)
        return waiting[0].number - 1 if waiting else self._taken.get(uid, 0)

    def forget(self, uid: str) -> None:
        """The Rollout is gone; what waits is still sent."""
        self._taken.pop(uid, None)

    async def close(self) -> None:
        """Send no more; an attempt that is under way is broken off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self, uid: str) -> None:
        waiting = self._waiting[uid]
        while waiting:
            await self._until_settled(waiting[0])
            waiting.popleft()
        del self._waiting[uid]

    async def _until_settled(self, message: Message) -> None:
        for attempt in itertools.count(1):
            async with self._turns:
                outcome, problem = await self._attempt(message)
            if outcome == "failed" and self._clock() - message.time > KEEP_SECONDS:
                outcome = "given_up"
            self._outcomes.labels(outcome).inc()
            # Between the first failure and the last word there is nothing new to log.
            if outcome == "given_up" or (outcome == "failed" and attempt == 1):
                get_logger().warning(
                    "notification not delivered",
                    notification=message.id,
                    host=self._url.host,
                    outcome=outcome,
                    problem=problem,
                )
            if outcome != "failed":
                return
            await asyncio.sleep(self._pauses.after(attempt))

    async def _attempt(self, message: Message) -> tuple[Outcome, str]:
        """What came of it, and why it was not taken."""
        signed = (
            self._signer.headers(message.id, int(self._clock()), message.body)
            if self._signer
            else {}
        )
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "trellis",
            **signed,
        }
        try:
            async with self._session.post(
                self._url,
                data=message.body,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            ) as answer:
                status = answer.status
        except TimeoutError:
            return "failed", f"no answer within {self._timeout.total:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its class only: the text may repeat the address, whose path can be a secret.
            return "failed", type(error).__name__
        if 200 <= status < 300:
            return "delivered", ""
        return ("gone" if status == GONE else "failed"), f"answered {status}"
