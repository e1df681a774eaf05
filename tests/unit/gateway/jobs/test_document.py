from typing import Any

import pytest

from trellis.gateway.jobs.document import EMBEDDED_BYTES, job_document, rfc3339
from trellis.gateway.jobs.types import JobRecord

JSON = (("content-type", "application/json; charset=utf-8"), ("x-request-id", "r-1"))


def record(**fields: Any) -> JobRecord:
    finished: dict[str, Any] = {
        "id": "0123abcd-0123456789abcdef01234567",
        "state": "succeeded",
        "model": "tomato",
        "method": "POST",
        "path": "/v2/models/tomato/infer",
        "created_at": 1764000000.0,
        "started_at": 1764000000.0125,
        "finished_at": 1764000001.5,
        "attempts": 1,
        "status": 200,
        "headers": JSON,
        "body": b'{"outputs":[1.5]}',
        "error": None,
        "caller": "someone",
        "callback": "https://example.com/",
    }
    return JobRecord(**{**finished, **fields})


def test_a_finished_job_tells_its_times_its_status_and_its_result() -> None:
    assert job_document(record()) == {
        "id": "0123abcd-0123456789abcdef01234567",
        "state": "succeeded",
        "model": "tomato",
        "created_at": "2025-11-24T16:00:00.000Z",
        "started_at": "2025-11-24T16:00:00.012Z",
        "finished_at": "2025-11-24T16:00:01.500Z",
        "attempts": 1,
        "request_id": "r-1",
        "status": 200,
        "error": None,
        "result": {"outputs": [1.5]},
        "location": "/jobs/0123abcd-0123456789abcdef01234567",
        "result_location": "/jobs/0123abcd-0123456789abcdef01234567/result",
    }


def test_a_waiting_job_has_no_result_though_an_attempt_was_answered() -> None:
    waiting = record(state="queued", finished_at=None, status=503, body=b'{"error":"x"}', error="x")
    document = job_document(waiting)
    assert (document["result"], document["result_location"], document["finished_at"]) == (
        None,
        None,
        None,
    )
    assert document["error"] == "x"


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": (("content-type", "application/octet-stream"),)},
        {"headers": ()},
        {"body": b"{broken"},
        {"body": b""},
        {"body": b'"' + b"a" * EMBEDDED_BYTES + b'"'},
    ],
    ids=["binary", "untyped", "broken", "empty", "large"],
)
def test_an_answer_that_does_not_fit_in_is_at_its_own_address(fields: dict[str, Any]) -> None:
    document = job_document(record(**fields))
    assert document["result"] is None
    assert document["result_location"] == f"{document['location']}/result"


def test_who_submitted_it_and_where_it_calls_back_is_not_told() -> None:
    assert {"caller", "callback", "method", "path"}.isdisjoint(job_document(record()))


def test_no_moment_is_null() -> None:
    assert rfc3339(None) is None
