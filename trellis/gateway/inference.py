"""One V2 inference for a person: asked of the arm, or of the cache, and made readable."""

import asyncio
from typing import Any

import aiohttp
import orjson
from multidict import CIMultiDict

from trellis.gateway.attempt import Attempt
from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.key import CacheKey, Input
from trellis.gateway.cache.prediction_cache import Outcome, PredictionCache
from trellis.gateway.catalogue import Catalogue
from trellis.gateway.errors import DeadlineExceeded, UpstreamDown
from trellis.gateway.exchange import TOO_MANY
from trellis.gateway.gate import Gate
from trellis.gateway.headers import Incoming
from trellis.gateway.people import Sent, infer_request, readable
from trellis.gateway.read_at_most import read_at_most
from trellis.gateway.router import Target
from trellis.gateway.settings import Settings
from trellis.gateway.upstream import Upstream, failure_of

#: The largest answer that is made readable; one without end is a broken predictor's.
ANSWER_BYTES = 32 * 2**20


class Refused(Exception):
    """The predictor answered with an error of its own, which is passed on in its words.

    ``overloaded``: it does not say that the predictor is broken.
    """

    def __init__(
        self, status: int, sentence: str, retry_after: str | None, *, overloaded: bool
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after = retry_after
        self.overloaded = overloaded


class Inference:
    """``cache`` is None where there is none."""

    def __init__(
        self,
        upstream: Upstream,
        catalogue: Catalogue,
        cache: PredictionCache | None,
        gate: Gate,
        settings: Settings,
    ) -> None:
        self._upstream = upstream
        self._catalogue = catalogue
        self._cache = cache
        self._gate = gate
        self._cache_limit = settings.cache_max_bytes
        self._timeout = settings.request_timeout

    async def predict(
        self, attempt: Attempt, sent: Sent, incoming: Incoming, deadline: float
    ) -> tuple[dict[str, Any], Outcome]:
        """The answer as a person reads it, and what the cache had to do with it.

        ``deadline`` by the loop's clock. Raises ``Refused`` in the predictor's words, and
        ``GatewayError``; goes to another arm where no connection came about.
        """
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._predict(attempt, sent, incoming, deadline)
            except TimeoutError:
                raise self._too_late() from None
            except UpstreamDown:
                if not attempt.fall_back():
                    raise

    async def _predict(
        self, attempt: Attempt, sent: Sent, incoming: Incoming, deadline: float
    ) -> tuple[dict[str, Any], Outcome]:
        target, patience = attempt.target, attempt.patience
        attempt.asked = True  # what the model takes, at least
        model = await self._catalogue.describe(target, self._timeout, patience)
        headers, body = infer_request(sent, model)
        request_id = incoming.trace.request_id
        headers["x-request-id"] = request_id
        headers["traceparent"] = incoming.trace.traceparent
        key = None
        if self._cache is not None and not incoming.no_cache and len(body) <= self._cache_limit:
            asked = Input(
                "v2",
                tuple((name.encode(), value.encode()) for name, value in headers.items()),
                b"",
                body,
            )
            key = self._cache.key(target, asked, request_id, attempt.rules.cache_seconds)

        async def compute() -> CachedAnswer:
            attempt.asked = True
            return await self._infer(target, headers, body, key, patience, deadline)

        found: CachedAnswer
        outcome: Outcome
        if self._cache is None or key is None:
            found, outcome = await compute(), "bypass"
        else:
            attempt.asked = False
            found, outcome = await self._cache.answer(target, key, compute)
        attempt.served_by({k.decode(): v.decode("latin-1") for k, v in found.headers})
        document = _object(found.body)
        if found.status != 200:
            raise _refusal(found, document)
        answer = readable(document, model.labels)
        attempt.predicted(answer.get("label"))
        return answer, outcome

    async def _infer(
        self,
        target: Target,
        headers: CIMultiDict[str],
        body: bytes,
        key: CacheKey | None,
        patience: float | None,
        deadline: float,
    ) -> CachedAnswer:
        """The predictor's whole answer; depends on no caller, for others may wait for it too."""
        path = f"/v2/models/{target.arm.model}/infer"
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._upstream.send(
                    target.arm, "POST", path, headers, body if key is None else key.body, patience
                )
                async with response:
                    answer = await read_at_most(response, ANSWER_BYTES, self._gate)
        except TimeoutError:
            raise self._too_late() from None
        except (aiohttp.ClientError, ConnectionError):
            raise failure_of(None) from None
        raw = tuple((name.lower(), value) for name, value in response.raw_headers)
        return CachedAnswer(response.status, raw, answer)

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"the model gave no whole answer within {self._timeout:g} s")


def _refusal(answer: CachedAnswer, document: dict[str, Any]) -> Refused:
    overloaded = answer.status == TOO_MANY
    sentence = document.get("error")
    if not isinstance(sentence, str):
        sentence = f"the model's predictor answered {answer.status}"
    retry_after = answer.header(b"retry-after")
    return Refused(
        503 if overloaded else answer.status,
        sentence,
        None if retry_after is None else retry_after.decode("latin-1"),
        overloaded=overloaded,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
