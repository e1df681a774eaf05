"""Notifications to a real receiver that fails, hangs, goes and comes back."""

import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from tests.integration.rollout.notifications.receiver import HANGS, Receiver
from tests.integration.rollout.waiting import until
from trellis.contracts.rollout_status import HistoryEntry
from trellis.rollout.notifications import Notifier, Subject
from trellis.rollout.notifications.notifier import open_notifier
from trellis.rollout.notifications.target import AT_ONCE, KEEP_SECONDS, Target
from trellis.rollout.plan.decision import Notification
from trellis.rollout.settings import Settings
from trellis.telemetry.metrics import ControllerMetrics
from trellis.web.pauses import Pauses
from trellis.web.signing import WebhookSigner

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
TOMATO = Subject("tomato-uid", "tomato", "shop", "tomato", stable="v1", canary="v2")
LEAF = Subject("leaf-uid", "leaf", "shop", "leaf")
AT_ONCE_AGAIN = Pauses(first=0.01, longest=0.05)


def step(number: int, at: float | None = None) -> Notification:
    time_of = time.time() if at is None else at
    return Notification(number, HistoryEntry(time=time_of, what="advanced", weight=number))


def steps(last: int) -> list[Notification]:
    return [step(number) for number in range(1, last + 1)]


def ids(subject: Subject, last: int) -> list[str]:
    return [f"{subject.uid}-{number}" for number in range(1, last + 1)]


class Told:
    """A notifier with what it counts."""

    def __init__(self, notifier: Notifier, registry: CollectorRegistry) -> None:
        self.notifier, self._registry = notifier, registry

    def count(self, outcome: str) -> float:
        name = "trellis_controller_notifications_total"
        return self._registry.get_sample_value(name, {"outcome": outcome}) or 0.0

    async def further(self, subject: Subject) -> None:
        """Until more of what was offered is sent."""
        before = self.notifier.sent(subject.uid)
        await until(lambda: self.notifier.sent(subject.uid) > before)


@asynccontextmanager
async def telling(
    *receivers: Receiver, signer: WebhookSigner | None = None, **settings: Any
) -> AsyncIterator[Told]:
    registry = CollectorRegistry()
    metrics = ControllerMetrics(registry)
    settings = {"pauses": AT_ONCE_AGAIN, **settings}
    async with aiohttp.ClientSession() as session:
        notifier = Notifier(
            [Target(receiver.url, session, signer, metrics, **settings) for receiver in receivers]
        )
        try:
            yield Told(notifier, registry)
        finally:
            await notifier.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with made.up():
        yield made


async def test_each_step_comes_once_and_in_order(receiver: Receiver) -> None:
    async with telling(receiver) as told:
        # What is unsent is offered at every pass, until it is said to be sent.
        for last in (1, 3, 3, 5, 5, 5):
            told.notifier.offer(TOMATO, steps(last))
        told.notifier.offer(LEAF, steps(2))
        await until(
            lambda: told.notifier.sent(TOMATO.uid) == 5 and told.notifier.sent("leaf-uid") == 2
        )
        told.notifier.offer(TOMATO, steps(5))
        assert told.notifier.sent(TOMATO.uid) == 5
    assert [each for each in receiver.ids if each.startswith("tomato")] == ids(TOMATO, 5)
    assert sorted(receiver.attempts.values()) == [1] * 7
    assert told.count("delivered") == 7
    assert {h["content-type"] for h in receiver.headers} == {
        "application/cloudevents+json; charset=utf-8"
    }


async def test_one_that_is_refused_is_sent_again_with_the_same_id_before_the_next(
    receiver: Receiver,
) -> None:
    receiver.answers = lambda event: 204 if receiver.attempts[event] > 3 else 503
    async with telling(receiver) as told:
        told.notifier.offer(TOMATO, steps(2))
        assert told.notifier.sent(TOMATO.uid) == 0
        await until(lambda: told.notifier.sent(TOMATO.uid) == 2)
    assert receiver.ids == ids(TOMATO, 2)
    assert receiver.attempts == dict.fromkeys(ids(TOMATO, 2), 4)
    assert told.count("failed") == 6


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = lambda event: 204 if receiver.attempts[event] > 1 else 307
    async with telling(receiver) as told:
        told.notifier.offer(TOMATO, steps(1))
        await until(lambda: told.notifier.sent(TOMATO.uid) == 1)
    assert told.count("failed") == 1


async def test_a_target_that_hangs_holds_up_nobody(receiver: Receiver) -> None:
    hanging = Receiver()
    hanging.answers = lambda _event: HANGS
    async with hanging.up(), telling(hanging, receiver) as told:
        for number in range(20):
            subject = Subject(f"u{number}", f"r{number}", "shop", "s")
            told.notifier.offer(subject, steps(3))
        await until(lambda: len(receiver.bodies) == 60)
        await until(lambda: hanging.at_once == AT_ONCE)
        assert hanging.most_at_once == AT_ONCE
        assert {told.notifier.sent(f"u{number}") for number in range(20)} == {0}


async def test_one_that_hung_is_asked_again_after_its_time(receiver: Receiver) -> None:
    receiver.answers = lambda event: 204 if receiver.attempts[event] > 1 else HANGS
    async with telling(receiver, attempt_seconds=0.2) as told:
        told.notifier.offer(TOMATO, steps(1))
        await until(lambda: told.notifier.sent(TOMATO.uid) == 1)
    assert receiver.attempts["tomato-uid-1"] >= 2


async def test_one_that_comes_back_hears_all_that_it_missed() -> None:
    away = Receiver()
    async with away.up():
        pass
    async with telling(away) as told:
        told.notifier.offer(TOMATO, steps(3))
        await until(lambda: told.count("failed") >= 3)
        assert told.notifier.sent(TOMATO.uid) == 0
        async with away.up():
            await until(lambda: told.notifier.sent(TOMATO.uid) == 3)
    assert away.ids == ids(TOMATO, 3)


async def test_the_next_controller_sends_what_the_last_one_did_not() -> None:
    """What was sent is the plan's to remember: here a number that the second one begins from."""
    receiver = Receiver()
    receiver.answers = lambda event: 204 if event.endswith(("-1", "-2")) else 500
    async with receiver.up():
        async with telling(receiver) as first:
            first.notifier.offer(TOMATO, steps(4))
            await until(lambda: first.count("failed") >= 1)
            remembered = first.notifier.sent(TOMATO.uid)
        assert remembered == 2
        receiver.answers = lambda _event: 204
        async with telling(receiver) as second:
            second.notifier.offer(TOMATO, steps(5)[remembered:])
            await until(lambda: second.notifier.sent(TOMATO.uid) == 5)
    assert receiver.ids == ids(TOMATO, 5)


async def test_a_restart_before_anything_was_remembered_repeats_ids_and_invents_none(
    receiver: Receiver,
) -> None:
    for _ in range(2):
        async with telling(receiver) as told:
            told.notifier.offer(TOMATO, steps(2))
            await until(lambda: told.notifier.sent(TOMATO.uid) == 2)
    assert receiver.ids == ids(TOMATO, 2) * 2
    assert receiver.events[:2] != []
    assert receiver.events[0]["data"]["number"] == receiver.events[2]["data"]["number"]


async def test_what_finds_no_room_is_taken_when_it_is_offered_again() -> None:
    receiver = Receiver()
    receiver.answers = lambda _event: 500
    async with receiver.up(), telling(receiver, most_waiting=2) as told:
        told.notifier.offer(TOMATO, steps(5))
        told.notifier.offer(LEAF, steps(1))
        await until(lambda: told.count("failed") >= 1)
        receiver.answers = lambda _event: 204
        await until(lambda: told.notifier.sent(TOMATO.uid) == 2)
        assert told.notifier.sent(LEAF.uid) == 0
        while told.notifier.sent(TOMATO.uid) < 5:
            told.notifier.offer(TOMATO, steps(5))
            await told.further(TOMATO)
    assert receiver.ids == ids(TOMATO, 5)


async def test_a_target_that_is_full_costs_the_other_nothing(receiver: Receiver) -> None:
    broken = Receiver()
    broken.answers = lambda _event: 500
    # The one that was taken last may not be known to be when the next three come.
    async with broken.up(), telling(broken, receiver, most_waiting=4) as told:
        for last in (3, 6, 9):
            told.notifier.offer(TOMATO, steps(last))
            await receiver.took(last)
        assert told.notifier.sent(TOMATO.uid) == 0
        broken.answers = lambda _event: 204
        while told.notifier.sent(TOMATO.uid) < 9:
            told.notifier.offer(TOMATO, steps(9))
            await told.further(TOMATO)
    assert broken.ids == receiver.ids == ids(TOMATO, 9)


async def test_a_receiver_that_wants_none_gets_no_second_attempt(receiver: Receiver) -> None:
    receiver.answers = lambda event: 410 if event.endswith("-1") else 204
    async with telling(receiver) as told:
        told.notifier.offer(TOMATO, steps(2))
        await until(lambda: told.notifier.sent(TOMATO.uid) == 2)
    assert receiver.attempts == dict.fromkeys(ids(TOMATO, 2), 1)
    assert told.count("gone") == 1


async def test_yesterdays_step_is_attempted_once_and_given_up(receiver: Receiver) -> None:
    receiver.answers = lambda _event: 500
    old = step(1, at=time.time() - KEEP_SECONDS - 60)
    async with telling(receiver) as told:
        told.notifier.offer(TOMATO, [old])
        await until(lambda: told.notifier.sent(TOMATO.uid) == 1)
    assert receiver.attempts == {"tomato-uid-1": 1}
    assert told.count("given_up") == 1


async def test_a_signature_is_checked_as_that_of_a_callback(receiver: Receiver) -> None:
    async with telling(receiver, signer=WebhookSigner(SECRET)) as told:
        told.notifier.offer(TOMATO, steps(1))
        await until(lambda: told.notifier.sent(TOMATO.uid) == 1)
    (headers,), (body,) = receiver.headers, receiver.bodies
    assert headers["webhook-id"] == "tomato-uid-1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(bytes(range(32)), signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_without_targets_everything_is_sent_as_it_is_offered() -> None:
    async with open_notifier(None, None, ControllerMetrics(CollectorRegistry())) as notifier:
        assert notifier.sent(TOMATO.uid) == 0
        notifier.offer(TOMATO, steps(4))
        assert notifier.sent(TOMATO.uid) == 4
        notifier.forget(TOMATO.uid)
        assert notifier.sent(TOMATO.uid) == 0


async def test_the_settings_name_several_targets_and_a_secret(receiver: Receiver) -> None:
    other = Receiver()
    async with other.up():
        settings = Settings.model_validate(
            {
                "notification_urls": f"{receiver.url} {other.url}",
                "notification_secret": SECRET,
            }
        )
        urls, secret = settings.notification_urls, settings.notification_secret
        metrics = ControllerMetrics(CollectorRegistry())
        async with open_notifier(urls, secret, metrics) as notifier:
            notifier.offer(TOMATO, steps(2))
            await until(lambda: notifier.sent(TOMATO.uid) == 2)
    assert receiver.bodies == other.bodies
    assert all("webhook-signature" in headers for headers in receiver.headers + other.headers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"notification_urls": "http://one.example ftp://hooks.example/T0/secret"},
        {"notification_secret": "not-a-secret-of-that-form"},
    ],
)
def test_a_wrong_setting_is_refused_and_not_repeated(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="notification_") as refused:
        Settings.model_validate(wrong)
    (error,) = refused.value.errors(include_input=False)
    assert not any(value.split()[-1] in str(error) for value in wrong.values())
