"""Tells a job's end to whoever asked for it: a CloudEvent, signed, sent until it is taken.

At least once: an attempt whose answer was lost is repeated, with the same ``webhook-id``. Run by
the worker.
"""

import asyncio
import time
from typing import NamedTuple

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver

from trellis.gateway.errors import JobsDown
from trellis.gateway.jobs.callback_hosts import LONGEST_PUT_OFF, CallbackHosts
from trellis.gateway.jobs.callback_queue import CallbackQueue, Claim
from trellis.gateway.jobs.document import job_document, rfc3339
from trellis.gateway.jobs.safe_address import AddressRefused, AddressRules
from trellis.gateway.jobs.store import JobStore
from trellis.gateway.jobs.types import JobRecord
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import GatewayMetrics
from trellis.web.pauses import Pauses
from trellis.web.signing import WebhookSigner

#: Seconds that one attempt may take, and that its claim lasts: for one that waits until another
#: to its host has timed out, too.
ATTEMPT_SECONDS = 10.0
CLAIM_SECONDS = 25.0
#: Seconds between two looks for due callbacks, and after Redis failed.
LOOK_SECONDS = 0.5
REDIS_PAUSE_SECONDS = 2.0
#: Attempts that are held at once, those that wait for their host included.
AT_ONCE = 256
#: 14 attempts take two to four and a half hours.
PAUSES = Pauses(first=5.0, longest=3600.0)
#: A result up to this many bytes is told in the event itself.
EMBEDDED_BYTES = 2**18
GONE = 410


class _Message(NamedTuple):
    """A CloudEvent in JSON, and its id."""

    id: str
    body: bytes


class _Failed(Exception):
    """One attempt came to nothing; ``str(error)`` says why, for the log."""


def job_finished_event(job: JobRecord) -> dict[str, object]:
    """CloudEvents 1.0, structured JSON. A job that is replayed and ends again is another event."""
    finished = job.finished_at or 0.0
    return {
        "specversion": "1.0",
        "type": "dev.trellis.job.finished",
        "source": "/jobs",
        "id": f"{job.id}-{round(finished * 1000)}",
        "subject": job.id,
        "time": rfc3339(finished),
        "datacontenttype": "application/json",
        "data": job_document(job, EMBEDDED_BYTES),
    }


class CallbackSender:
    """Sends what the queue owes; ``attempts`` are made before one is given up."""

    def __init__(
        self,
        queue: CallbackQueue,
        store: JobStore,
        signer: WebhookSigner,
        rules: AddressRules,
        resolver: AbstractResolver,
        metrics: GatewayMetrics,
        *,
        attempts: int,
        pauses: Pauses = PAUSES,
    ) -> None:
        self._queue = queue
        self._store = store
        self._signer = signer
        self._rules = rules
        self._resolver = resolver
        self._outcomes = metrics.callbacks
        self._attempts = attempts
        self._pauses = pauses
        self._longest_pause = max(pauses.longest, LONGEST_PUT_OFF, CLAIM_SECONDS)
        self._hosts = CallbackHosts()

    async def run(self) -> None:
        """Send until cancelled; attempts that are then under way are repeated by another worker."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    claims, wait = await self._queue.claim(
                        AT_ONCE - len(running), CLAIM_SECONDS, self._longest_pause
                    )
                except JobsDown:  # the pipe has logged it
                    await asyncio.sleep(REDIS_PAUSE_SECONDS)
                    continue
                for claim in claims:
                    task = asyncio.create_task(self._settle(claim))
                    running.add(task)
                    task.add_done_callback(running.discard)
                if len(running) >= AT_ONCE:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                elif not claims:
                    await asyncio.sleep(LOOK_SECONDS if wait is None else min(wait, LOOK_SECONDS))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _settle(self, claim: Claim) -> None:
        """One attempt and what follows from it. A Redis that fails leaves it to its claim's end."""
        try:
            host = self._host_of(claim.url)
            put_off = self._hosts.put_off(host)
            if put_off is not None:
                await self._queue.again(claim, put_off, counted=False)
                return
            async with self._hosts.turn(host):
                outcome = await self._outcome(claim)
            self._hosts.learn(host, failed=outcome in {"failed", "given_up"})
            self._outcomes.labels(outcome).inc()
            if outcome == "failed":
                await self._queue.again(claim, self._pauses.after(claim.attempt))
            else:
                await self._queue.done(claim)
        except JobsDown as error:
            get_logger().warning("callback not settled", job=str(claim.job), problem=str(error))

    async def _outcome(self, claim: Claim) -> str:
        """As of ``_attempt``; a fault of our own is one more attempt that failed."""
        try:
            return await self._attempt(claim)
        except JobsDown:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are sent and the log tells
            outcome = self._unsuccessful(claim)
            get_logger().error(
                "callback failed",
                job=str(claim.job),
                attempt=claim.attempt,
                outcome=outcome,
                exc_info=error,
            )
            return outcome

    async def _attempt(self, claim: Claim) -> str:
        """The outcome: ``delivered``, ``failed``, ``gone``, ``given_up`` or ``expired``."""
        job = str(claim.job)
        message = await self._message(claim)
        if message is None:
            get_logger().info("callback expired with its job", job=job)
            return "expired"
        try:
            status = await self._send(message, claim.url)
        except _Failed as error:
            problem = str(error)
        else:
            if 200 <= status < 300:
                return "delivered"
            problem = f"answered {status}"
            if status == GONE:
                get_logger().info("callback is not wanted", job=job, problem=problem)
                return "gone"
        outcome = self._unsuccessful(claim)
        get_logger().warning(
            "callback not delivered",
            job=job,
            attempt=claim.attempt,
            outcome=outcome,
            problem=problem,
        )
        return outcome

    def _unsuccessful(self, claim: Claim) -> str:
        return "failed" if claim.attempt < self._attempts else "given_up"

    async def _message(self, claim: Claim) -> _Message | None:
        """The event to send; None where the job is no longer kept."""
        job = await self._store.get(str(claim.job), EMBEDDED_BYTES)
        if job is None or not job.final:
            return None
        event = job_finished_event(job)
        return _Message(str(event["id"]), orjson.dumps(event))

    async def _send(self, message: _Message, url: str) -> int:
        """Send the event once; returns the status of the answer, which is not read further."""
        try:
            target = self._rules.check_url(url)
        except AddressRefused as error:
            raise _Failed(str(error)) from None
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "trellis",
            **self._signer.headers(message.id, int(time.time()), message.body),
        }
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._rules.connector(target.raw_host or "", self._resolver),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS),
                    trust_env=False,
                ) as session,
                session.post(
                    target, data=message.body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                return answer.status
        except TimeoutError:
            raise _Failed(f"no answer within {ATTEMPT_SECONDS:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _Failed(str(error) or type(error).__name__) from None

    def _host_of(self, url: str) -> str:
        try:
            return self._rules.check_url(url).raw_host or ""
        except AddressRefused:
            return ""
