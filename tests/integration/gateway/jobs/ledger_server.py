"""A predictor that keeps a ledger: how often each job was asked, and how often at once.

The header ``x-key`` names the job. ``x-hold`` keeps its answer until ``POST /release``;
``x-fail: N`` answers its first N calls with 503; ``x-seconds: S`` takes that long; ``x-status: S``
answers with that status. A call whose caller goes away is over at that moment. ``GET /ledger`` tells.
"""

import argparse
import asyncio
from typing import Any

import orjson
import uvicorn


class Ledger:
    """The ASGI application."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, int]] = {}
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body", False):
            pass
        if scope["path"] == "/ledger":
            await self._answer(send, 200, self.jobs)
        elif scope["path"] == "/release":
            self.released.set()
            await self._answer(send, 200, {})
        else:
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            await self._infer(headers, receive, send)

    async def _infer(self, headers: dict[str, str], receive: Any, send: Any) -> None:
        # What left before this call came is noticed first.
        await asyncio.sleep(0.02)
        key = headers.get("x-key", "")
        job = self.jobs.setdefault(key, {"calls": 0, "now": 0, "most": 0, "answered": 0})
        job["calls"] += 1
        call = job["calls"]
        job["now"] += 1
        job["most"] = max(job["most"], job["now"])
        try:
            computed = asyncio.create_task(self._compute(headers))
            gone = asyncio.create_task(receive())  # after the body, only the caller's leaving
            await asyncio.wait({computed, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not computed.done():
                computed.cancel()
                return
        finally:
            job["now"] -= 1
        job["answered"] += 1
        if call <= int(headers.get("x-fail", "0")):
            await self._answer(send, 503, {"error": f"not yet, says call {call}"})
        else:
            status = int(headers.get("x-status", "200"))
            await self._answer(send, status, {"key": key, "call": call})

    async def _compute(self, headers: dict[str, str]) -> None:
        if "x-hold" in headers:
            await self.released.wait()
        await asyncio.sleep(float(headers.get("x-seconds", "0")))

    async def _answer(self, send: Any, status: int, document: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(document)})


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    config = uvicorn.Config(
        Ledger(), host="127.0.0.1", port=port, lifespan="off", log_level="error"
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main())
