"""What a job is: as it is handed in, and as it is told."""

from typing import Literal, NamedTuple

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead"]

#: States that a job does not leave by itself; ``dead`` only by a replay.
FINAL: frozenset[JobState] = frozenset(("succeeded", "failed", "cancelled", "dead"))


class NewJob(NamedTuple):
    """An infer or predict request to be answered later.

    ``path`` as it was asked for, percent-encoded and with its query. ``headers`` are those that
    the answer depends on (names in lower case): content-type, x-request-id, traceparent, the unit
    header or the cookie, x-model-version; never credentials. ``caller`` is the key's id, None in
    open mode, and ``scopes`` what the key may do. ``deadline_seconds`` from acceptance to the
    end of the last attempt. ``unit`` is the unit header's value. ``version`` is the one that alone may answer, None where any
    may. ``idempotency_key`` belongs to the caller: two callers may use one.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    model: str
    deadline_seconds: float
    caller: str | None = None
    scopes: frozenset[str] = frozenset()
    callback: str | None = None
    idempotency_key: str | None = None
    unit: bytes | None = None
    version: str | None = None


class Submitted(NamedTuple):
    """``created`` is False where the idempotency key already had this job, now in ``state``."""

    id: str
    created: bool
    state: JobState


class JobRecord(NamedTuple):
    """A job as it is now. Times in seconds since 1970, by the clock of Redis.

    ``status``, ``headers`` and ``body`` are the HTTP answer: of the only attempt that counted
    where the job succeeded or failed, of the last one where it is dead and had any. ``error`` is
    a sentence on what went wrong last, also between attempts. ``length`` is the
    body's, in bytes, where a body was asked for; it is empty where it is longer than was asked.
    """

    id: str
    state: JobState
    model: str
    method: str
    path: str
    created_at: float
    started_at: float | None
    finished_at: float | None
    attempts: int
    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    error: str | None
    caller: str | None
    callback: str | None
    length: int = 0

    @property
    def final(self) -> bool:
        """Whether it is over."""
        return self.state in FINAL


class Backlog(NamedTuple):
    """Jobs by where they are: not yet taken, waiting for their next attempt, taken, given up."""

    queued: int
    delayed: int
    pending: int
    dead: int
