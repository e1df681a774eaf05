"""A line of a rollout's history as a CloudEvent, pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from trellis.rollout.plan.decision import Notification


@dataclass(frozen=True)
class Subject:
    """The Rollout that is told of; ``stable`` and ``canary`` are versions, empty where there is none."""

    uid: str
    name: str
    namespace: str
    service: str
    stable: str = ""
    canary: str = ""

    def message(self, step: Notification) -> "Message":
        """See ``notifier.Subject.message``."""
        return message_of(self, step)


@dataclass(frozen=True)
class Message:
    """What is sent, as often as it takes; ``time`` is the entry's, in seconds since 1970."""

    id: str
    number: int
    time: float
    body: bytes


def message_of(subject: Subject, notification: Notification) -> Message:
    """CloudEvents 1.0, structured JSON. The id follows from the Rollout and the entry's number alone."""
    message_id = f"{subject.uid}-{notification.number}"
    event = _event(subject, notification, message_id)
    return Message(message_id, notification.number, notification.entry.time, orjson.dumps(event))


def _event(subject: Subject, notification: Notification, message_id: str) -> dict[str, Any]:
    entry = notification.entry
    return {
        "specversion": "1.0",
        "id": message_id,
        "type": f"dev.trellis.rollout.{entry.what}",
        "source": f"/namespaces/{subject.namespace}/rollouts/{subject.name}",
        "subject": subject.service,
        "time": datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        # An extension attribute: what chats show of a document that they do not know.
        "text": _text(subject, notification),
        "data": {
            "rollout": subject.name,
            "namespace": subject.namespace,
            "inferenceService": subject.service,
            "versions": {"stable": subject.stable or None, "canary": subject.canary or None},
            "number": notification.number,
            "entry": entry.model_dump(mode="json", by_alias=True),
        },
    }


def _text(subject: Subject, notification: Notification) -> str:
    entry = notification.entry
    parts = [f"{subject.namespace}/{subject.name}: {entry.what}"]
    if entry.version:
        parts.append(f" {entry.version}")
    if entry.weight is not None:
        parts.append(f" at {entry.weight} %")
    if entry.message:
        parts.append(f": {entry.message}")
    if entry.actor:
        parts.append(f" ({entry.actor})")
    return "".join(parts)
