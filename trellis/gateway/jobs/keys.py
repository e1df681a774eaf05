"""Names of the jobs' keys in Redis, and of a job itself.

All have the hash tag ``{jobs}``, so that one script may touch any of them in a Redis Cluster.

A job's id is ``<epoch>-<name>``. The epoch is drawn when a store is first used and lost when that
store is emptied, so an id of another epoch tells that the job is gone with its store.
"""

import os
import re
from typing import NamedTuple

#: The consumer group of all workers; KEDA's triggers name it.
GROUP = "workers"

_ID = re.compile(r"([0-9a-f]{8})-([0-9a-f]{24})")


class JobId(NamedTuple):
    """An id in its two parts."""

    epoch: str
    name: str

    def __str__(self) -> str:
        return f"{self.epoch}-{self.name}"


def read_id(text: str) -> JobId | None:
    """The parts of an id; None where it cannot be one."""
    match = _ID.fullmatch(text)
    return None if match is None else JobId(match[1], match[2])


def new_epoch() -> str:
    """8 hex digits."""
    return os.urandom(4).hex()


def new_name() -> str:
    """24 hex digits that nobody can guess: a job's name, or a lease's token."""
    return os.urandom(12).hex()


class JobKeys:
    """Every key below ``prefix``."""

    def __init__(self, prefix: str) -> None:
        root = f"{prefix}:{{jobs}}"
        #: String: the epoch of this store.
        self.epoch = f"{root}:epoch"
        #: Stream of jobs to run, one field ``job`` with the name; it is trimmed and never deleted
        #: from, for a deleted entry may leave Redis without the group's lag, which KEDA reads.
        self.stream = f"{root}:stream"
        #: Number: jobs that are not final.
        self.unfinished = f"{root}:unfinished"
        #: Sorted set: names of jobs between two attempts, by when the next is due (milliseconds).
        self.delayed = f"{root}:delayed"
        #: Sorted set: names of dead jobs, by when they died (milliseconds).
        self.dead = f"{root}:dead"
        #: List: names of the jobs accepted last, the newest first.
        self.recent = f"{root}:recent"
        #: Sorted set: names of final jobs whose callback is not yet delivered, by when it is due
        #: (milliseconds).
        self.callbacks = f"{root}:callbacks"
        #: Hash: how often each callback was attempted, by the job's name.
        self.callback_attempts = f"{root}:callback-attempts"
        #: What the key of every job begins with.
        self.jobs = f"{root}:job:"
        #: Channel: names of jobs that became final.
        self.finished = f"{root}:finished"
        #: Channel: names of jobs that were cancelled while they ran.
        self.cancelled = f"{root}:cancelled"
        self._root = root

    @property
    def all(self) -> tuple[str, ...]:
        """What every script gets as its keys, in this order."""
        return (
            self.epoch,
            self.stream,
            self.unfinished,
            self.delayed,
            self.dead,
            self.recent,
            self.callbacks,
            self.jobs,
            self.finished,
            self.cancelled,
            self.callback_attempts,
        )

    def job(self, name: str) -> str:
        """Hash: one job."""
        return f"{self.jobs}{name}"

    def idempotency(self, digest: str) -> str:
        """Hash: the job that an idempotency key belongs to, by the digest of caller and key."""
        return f"{self._root}:idempotency:{digest}"
