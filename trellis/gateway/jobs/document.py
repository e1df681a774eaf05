"""A job as JSON: what ``GET /jobs/{id}`` answers and what a callback carries."""

from datetime import UTC, datetime
from typing import Any

import orjson

from trellis.gateway.jobs.types import JobRecord

#: A result up to this many bytes stands in the document itself; a larger one at its own address.
EMBEDDED_BYTES = 2**20


def job_document(job: JobRecord, embedded: int = EMBEDDED_BYTES) -> dict[str, Any]:
    """The document of one job; times are RFC 3339 in UTC, what is not there yet is null.

    ``result`` is the model's answer where it is JSON of at most ``embedded`` bytes. Whole, with
    its headers, it is at ``result_location``. Feedback is joined by ``request_id``.
    """
    answered = job.final and job.status is not None
    return {
        "id": job.id,
        "state": job.state,
        "model": job.model,
        "created_at": rfc3339(job.created_at),
        "started_at": rfc3339(job.started_at),
        "finished_at": rfc3339(job.finished_at),
        "attempts": job.attempts,
        "request_id": dict(job.headers).get("x-request-id"),
        "status": job.status,
        "error": job.error,
        "result": _result(job, embedded) if answered else None,
        "location": f"/jobs/{job.id}",
        "result_location": f"/jobs/{job.id}/result" if answered else None,
    }


def rfc3339(seconds: float | None) -> str | None:
    """Seconds since 1970 as ``2026-11-21T20:00:00.123Z``."""
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def _result(job: JobRecord, embedded: int) -> Any:
    kinds = [value for name, value in job.headers if name.lower() == "content-type"]
    if len(job.body) > embedded or not kinds:
        return None
    if kinds[0].partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        return orjson.loads(job.body)
    except orjson.JSONDecodeError:
        return None
