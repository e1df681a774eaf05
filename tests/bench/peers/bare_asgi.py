"""The limit of a no-op: an ASGI application that reads the body and answers a constant.

Run as ``python -m tests.bench.peers.bare_asgi PORT ANSWER [FINGERPRINT]``; with a fingerprint a gateway
may keep the answer.
"""

import sys
from typing import Any

import uvicorn

_ANSWER = sys.argv[2].encode() if len(sys.argv) > 2 else b"{}"
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(_ANSWER)),
    *((b"x-model-fingerprint", word.encode()) for word in sys.argv[3:4]),
]


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answer one request."""
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _ANSWER})


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        lifespan="off",
        loop="uvloop",
        http="httptools",
    )
