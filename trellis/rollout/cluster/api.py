"""Calls to the Kubernetes API: JSON in, JSON out, and one error for each way to fail."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from trellis.rollout.cluster.connection import Connection
from trellis.rollout.errors import ApiRefused, ApiUnreachable, Conflict, Expired, Missing
from trellis.telemetry.metrics import ControllerMetrics

#: What every write is signed with: who owns the fields that it sets.
MANAGER = "trellis-rollout"

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
PATCH = "application/json-patch+json"

#: Seconds that one call may take. An API server that is well answers within one.
CALL_SECONDS = 15.0
#: Seconds without a word on a watch after which it is begun again: bookmarks come every minute.
SILENT_SECONDS = 150.0
#: The longest line of a watch: one object, of which etcd takes at most 1.5 MB.
LINE_BYTES = 8 * 2**20

_KINDS = {404: Missing, 409: Conflict, 410: Expired}


class Api:
    """One API server; used as an async context manager."""

    def __init__(self, connection: Connection, metrics: ControllerMetrics) -> None:
        self.connection = connection
        self._metrics = metrics
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self.connection.tls, limit=64)
        self._session = aiohttp.ClientSession(
            connector=connector, read_bufsize=LINE_BYTES, trust_env=False
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(
                0.01
            )  # what was cut off closes its sockets in the loop's next rounds

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = JSON,
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """What is answered.

        Raises ``ApiUnreachable`` where nothing is within ``CALL_SECONDS``, or 429 or a 5xx is;
        ``ApiRefused`` (``Missing``, ``Conflict``, ``Expired``) for every other error.
        """
        try:
            async with (
                asyncio.timeout(CALL_SECONDS),
                self._opened(method, path, body, content_type, params) as answer,
            ):
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from None
        document: dict[str, Any] = orjson.loads(content) if content else {}
        return document

    async def watch(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[dict[str, Any]]:
        """Each line of a watch as it comes, until the API server ends it.

        Raises as ``call``; what is silent for ``SILENT_SECONDS`` counts as gone.
        """
        asked = {**params, "watch": "true", "allowWatchBookmarks": "true"}
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CALL_SECONDS, sock_read=SILENT_SECONDS
        )
        try:
            async with self._opened("GET", path, None, JSON, asked, timeout) as answer:
                while line := await answer.content.readline():
                    yield orjson.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from None

    def _opened(
        self,
        method: str,
        path: str,
        body: object,
        content_type: str,
        params: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> "_Answer":
        if self._session is None:
            raise RuntimeError("the API is used as an async context manager")
        headers = {"accept": JSON, "content-type": content_type, **self.connection.authorization()}
        request = self._session.request(
            method,
            f"{self.connection.server}{path}",
            data=None if body is None else orjson.dumps(body),
            params=params,
            headers=headers,
            timeout=timeout or aiohttp.ClientTimeout(total=CALL_SECONDS),
            allow_redirects=False,
        )
        return _Answer(request, self._metrics)

    def _unreachable(self, error: Exception) -> ApiUnreachable:
        self._metrics.api_errors.labels("unreachable").inc()
        words = str(error) or type(error).__name__
        return ApiUnreachable(f"the API server does not answer: {words}")


class _Answer:
    """An answer while it is read; an error of HTTP is raised before it is."""

    def __init__(self, request: Any, metrics: ControllerMetrics) -> None:
        self._request = request
        self._metrics = metrics
        self._answer: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> aiohttp.ClientResponse:
        answer: aiohttp.ClientResponse = await self._request.__aenter__()
        self._answer = answer
        if answer.status < 300:
            return answer
        try:
            raise await self._error(answer)
        finally:
            await self._request.__aexit__(None, None, None)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection = self._answer.connection if self._answer else None
        if error is not None and connection is not None and connection.transport is not None:
            connection.transport.abort()  # TLS would take its leave of an answer that nobody reads
        await self._request.__aexit__(kind, error, trace)

    async def _error(self, answer: aiohttp.ClientResponse) -> Exception:
        content = await answer.read()
        try:
            document = orjson.loads(content)
            reason, words = str(document.get("reason", "")), str(document.get("message", ""))
        except (orjson.JSONDecodeError, AttributeError):
            reason, words = "", content[:300].decode(errors="replace").strip()
        self._metrics.api_errors.labels(str(answer.status)).inc()
        sentence = words or f"the API server answered {answer.status}"
        # Kubernetes writes a webhook's own refusal with any status; its failure to answer is 500.
        if answer.status == 429 or (answer.status >= 500 and reason != "Invalid"):
            return ApiUnreachable(f"the API server answered {answer.status}: {sentence}")
        return _KINDS.get(answer.status, ApiRefused)(answer.status, reason, sentence)
