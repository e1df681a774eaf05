"""A job's hash in Redis, read."""

from collections.abc import Sequence

import orjson

from trellis.gateway.jobs.types import JobRecord, JobState

#: What is told of a job, all but the answer's body.
BRIEF = (
    "state",
    "model",
    "method",
    "path",
    "created",
    "started",
    "finished",
    "attempts",
    "status",
    "answer_headers",
    "error",
    "caller",
    "callback",
)


def read_record(
    job_id: str, values: Sequence[bytes | None], length: int = 0, body: bytes | None = None
) -> JobRecord | None:
    """The job of the values of ``BRIEF``, with its answer's length and body where they were asked
    for; None where the hash is not there.
    """
    state, model, method, path, created, started, finished, attempts, *more = values
    if state is None or created is None:
        return None
    status, headers, error, caller, callback = more
    return JobRecord(
        id=job_id,
        state=_state(state),
        model=_text(model) or "",
        method=_text(method) or "",
        path=_text(path) or "",
        created_at=int(created) / 1000,
        started_at=_seconds(started),
        finished_at=_seconds(finished),
        attempts=int(attempts or 0),
        status=int(status) if status else None,
        headers=tuple((name, value) for name, value in orjson.loads(headers or b"[]")),
        body=body or b"",
        length=length,
        error=_text(error) or None,
        caller=_text(caller) or None,
        callback=_text(callback) or None,
    )


def _state(value: bytes) -> JobState:
    state: JobState = value.decode()  # type: ignore[assignment]  # only our scripts write it
    return state


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _seconds(value: bytes | None) -> float | None:
    return None if value is None else int(value) / 1000
