from typing import Any

import pytest

from trellis.gateway.same_origin import SameOrigin, from_here

HOST = {b"host": "trellis.example:8443"}


@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ({}, True),
        ({b"sec-fetch-site": "same-origin"}, True),
        ({b"sec-fetch-site": "none"}, True),
        ({b"sec-fetch-site": "same-site"}, False),
        ({b"sec-fetch-site": "cross-site"}, False),
        ({b"sec-fetch-site": "cross-site", b"origin": "https://trellis.example:8443"}, False),
        ({b"origin": "https://trellis.example:8443"}, True),
        ({b"origin": "http://trellis.example:8443"}, True),
        ({b"origin": "https://TRELLIS.example:8443"}, True),
        ({b"origin": "https://trellis.example"}, False),
        ({b"origin": "https://evil.example"}, False),
        ({b"origin": "https://trellis.example:8443.evil.example"}, False),
        ({b"origin": "null"}, False),
        ({b"origin": "https://["}, False),
    ],
)
def test_a_browser_says_whose_page_is_behind_a_request(
    headers: dict[bytes, str], welcome: bool
) -> None:
    assert from_here({**HOST, **headers}) is welcome


def test_an_origin_is_not_believed_where_no_host_is_named() -> None:
    assert not from_here({b"origin": "null"})
    assert not from_here({b"origin": "https://"})


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
async def test_only_what_could_change_something_is_refused(method: str) -> None:
    met: list[str] = []
    sent: list[Any] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:
        met.append(scope["method"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"here"), (b"sec-fetch-site", b"cross-site")]
    scope = {"type": "http", "method": method, "headers": headers}
    await SameOrigin(inner)(scope, receive, send)
    if method in {"GET", "HEAD"}:
        assert met == [method]
    else:
        assert met == []
        assert sent[0]["status"] == 403
        assert b"another site" in sent[1]["body"]
