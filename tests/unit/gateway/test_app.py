import json

import structlog
from starlette.requests import Request

from trellis.gateway.app import _answer_fault


async def test_a_fault_is_logged_under_the_id_that_is_answered() -> None:
    scope = {"type": "http", "headers": [], "path": "/", "method": "GET"}
    fault = ValueError("what went wrong")
    with structlog.testing.capture_logs() as lines:
        response = await _answer_fault(Request(scope), fault)
    assert "log says more" in json.loads(bytes(response.body))["error"]
    (line,) = lines
    assert line["request_id"] == response.headers["x-request-id"]
    assert line["exc_info"] is fault
