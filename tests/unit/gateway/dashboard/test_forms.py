from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request

from trellis.gateway.dashboard.forms import MOST_BYTES, read_form
from trellis.gateway.errors import BadRequest, GatewayError, TooLarge


def request(pieces: Sequence[bytes], headers: Sequence[tuple[bytes, bytes]] = ()) -> Request:
    left = list(pieces)

    async def receive() -> Any:
        if not left:
            return {"type": "http.disconnect"}
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    return Request({"type": "http", "headers": list(headers)}, receive)


async def test_fields_may_arrive_in_pieces() -> None:
    assert await read_form(request([b"key=tk%5f", b"a&other=1"])) == {"key": "tk_a", "other": "1"}


@pytest.mark.parametrize(
    ("pieces", "headers", "refusal"),
    [
        ([b"x" * (MOST_BYTES + 1)], (), TooLarge),
        ([b"x" * MOST_BYTES, b"x"], (), TooLarge),
        ([b""], [(b"content-length", b"1000000")], TooLarge),
        ([b""], [(b"content-length", b"many")], BadRequest),
        ([b"key=\xff\xfe"], (), BadRequest),
        ([b"&".join(b"a%d=1" % number for number in range(100))], (), BadRequest),
        ([], (), BadRequest),
    ],
    ids=["large", "large in pieces", "said to be large", "no number", "no UTF-8", "many", "gone"],
)
async def test_what_is_no_small_form_is_refused(
    pieces: Sequence[bytes],
    headers: Sequence[tuple[bytes, bytes]],
    refusal: type[GatewayError],
) -> None:
    with pytest.raises(refusal):
        await read_form(request(pieces, headers))
