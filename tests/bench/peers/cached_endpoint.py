"""A cached endpoint of FastAPI and redis-py: a hash of the input, one GET a hit.

Run as ``python -m tests.bench.peers.cached_endpoint KIND PORT UPSTREAM REDIS``. ``stock`` is what
FastAPI's documentation shows: a typed body in, a dictionary out. ``careful`` leaves that out: it
reads and writes JSON by itself. Both answer with the request's ``id`` and count hits.
"""

import hashlib
import sys
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from prometheus_client import Counter
from pydantic import BaseModel
from redis.asyncio import Redis

_SECONDS = 300


class Tensor(BaseModel):
    """One input."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class InferRequest(BaseModel):
    """V2's request."""

    id: str | None = None
    inputs: list[Tensor]


class Cached:
    """Answers from Redis, else from the predictor."""

    def __init__(self, upstream: str, redis: str) -> None:
        self._upstream = upstream
        self._redis: Redis = Redis.from_url(redis)
        self._asked = Counter("cache", "Requests by what the cache had", ["model", "outcome"])

    async def stock(self, model: str, request: InferRequest, response: Response) -> dict[str, Any]:
        """The endpoint with a typed body."""
        document = request.model_dump()
        request_id = document.pop("id") or uuid.uuid4().hex
        kept, outcome = await self._answer(model, document)
        response.headers["x-cache"] = outcome
        answer: dict[str, Any] = orjson.loads(kept)
        answer["id"] = request_id
        return answer

    async def careful(self, model: str, request: Request) -> Response:
        """The endpoint that reads and writes by itself."""
        document: dict[str, Any] = orjson.loads(await request.body())
        request_id = document.pop("id", None) or uuid.uuid4().hex
        kept, outcome = await self._answer(model, document)
        answer = orjson.loads(kept)
        answer["id"] = request_id
        return Response(
            orjson.dumps(answer), media_type="application/json", headers={"x-cache": outcome}
        )

    async def _answer(self, model: str, document: dict[str, Any]) -> tuple[bytes, str]:
        canonical = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        key = f"peer:{model}:v1:{hashlib.sha256(canonical).hexdigest()}"
        kept: Any = await self._redis.get(key)
        if kept is not None:
            self._asked.labels(model, "hit").inc()
            return kept, "hit"
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._upstream}/v2/models/{model}/infer", json=document) as answer,
        ):
            answer.raise_for_status()
            computed = await answer.read()
        await self._redis.set(key, computed, ex=_SECONDS)
        self._asked.labels(model, "miss").inc()
        return computed, "miss"


async def ready() -> dict[str, bool]:
    """It serves."""
    return {"ready": True}


def main() -> None:
    """Serve until told to stop."""
    kind, port, upstream, redis = sys.argv[1:]
    cached, app = Cached(upstream, redis), FastAPI()
    endpoints: dict[str, Callable[..., Any]] = {"stock": cached.stock, "careful": cached.careful}
    app.post("/v2/models/{model}/infer")(endpoints[kind])
    app.get("/")(ready)
    uvicorn.run(
        app,
        port=int(port),
        log_level="warning",
        access_log=False,
        loop="uvloop",
        http="httptools",
    )


if __name__ == "__main__":
    main()
