"""Offers each step to every target; takes no time of whoever offers it."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import aiohttp
from pydantic import SecretStr

from trellis.rollout.notifications.event import Message
from trellis.rollout.notifications.target import Target
from trellis.telemetry.metrics import ControllerMetrics
from trellis.web.signing import WebhookSigner


class Numbered(Protocol):
    """Something that happened; ``number`` rises and is its own for good."""

    @property
    def number(self) -> int:
        """From 1."""
        ...


Step = TypeVar("Step", bound=Numbered)
Told_contra = TypeVar("Told_contra", bound=Numbered, contravariant=True)


class Subject(Protocol[Told_contra]):
    """What it happened to."""

    @property
    def uid(self) -> str:
        """No other has it."""
        ...

    def message(self, step: Told_contra) -> Message:
        """What is sent of a step."""
        ...


class Notifier:
    """Without targets all is sent as soon as it is offered."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = tuple(targets)
        self._offered: dict[str, int] = {}

    def offer(self, subject: Subject[Step], notifications: Sequence[Step]) -> None:
        """Take what is new, of what was written into the status. Never waits.

        What a full target does not take is to be offered again, as the plan does at every pass.
        """
        uid = subject.uid
        numbers = [notification.number for notification in notifications]
        self._offered[uid] = max([self._offered.get(uid, 0), *numbers])
        for target in self._targets:
            messages = [
                subject.message(notification)
                for notification in notifications
                if target.wants(uid, notification.number)
            ]
            target.take(uid, messages)

    def sent(self, uid: str) -> int:
        """The number up to which every target was told, or given up; 0 where none is known."""
        return min(self._told(uid), default=self._offered.get(uid, 0))

    def forget(self, uid: str) -> None:
        """What it happened to is gone."""
        self._offered.pop(uid, None)
        for target in self._targets:
            target.forget(uid)

    async def close(self) -> None:
        """Send no more."""
        for target in self._targets:
            await target.close()

    def _told(self, uid: str) -> Iterator[int]:
        return (target.sent(uid) for target in self._targets)


@asynccontextmanager
async def open_notifier(
    urls: SecretStr | None, secret: SecretStr | None, metrics: ControllerMetrics
) -> AsyncIterator[Notifier]:
    """``urls`` are separated by spaces, ``secret`` signs, as the settings have them; at the end attempts
    are broken off, and made again by the next controller.
    """
    signer = WebhookSigner(secret.get_secret_value()) if secret else None
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        notifier = Notifier(
            [
                Target(url, session, signer, metrics)
                for url in (urls.get_secret_value().split() if urls else ())
            ]
        )
        try:
            yield notifier
        finally:
            await notifier.close()
