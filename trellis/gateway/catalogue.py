"""What the models are, as their predictors tell it: kind of input, labels, note, examples.

For people's routes and the page. Nothing in here tells one version from another: a version's
own description is left out.
"""

import asyncio
import base64
import binascii
import time
from typing import Any, Literal, NamedTuple

import aiohttp
import orjson
from multidict import CIMultiDict

from trellis.gateway.cache.single_flight import OthersFailed, SingleFlight
from trellis.gateway.errors import DeadlineExceeded, GatewayError, NotFound, UpstreamBroke
from trellis.gateway.read_at_most import read_at_most
from trellis.gateway.router import Target
from trellis.gateway.upstream import Upstream

Kind = Literal["image", "text", "features", "numbers", "other"]

#: Seconds that an answer is believed; a revision does not change, but a predictor behind a
#: table's address might.
FRESH_SECONDS = 60.0
#: A page's examples are few and small; a predictor that sends more is not believed.
MOST_BYTES = 16 * 2**20


class Example(NamedTuple):
    """One input to try: ``image`` bytes for image models, else the JSON ``value`` of the input."""

    title: str
    value: Any
    image: bytes | None


class Described(NamedTuple):
    """One model as people see it. ``input_name`` is the only input's; "" for kind ``other``."""

    name: str
    kind: Kind
    input_name: str
    datatype: str
    shape: tuple[int, ...]
    features: tuple[str, ...]
    labels: tuple[str, ...]
    note: str
    examples: tuple[Example, ...]


class Catalogue:
    """Asks predictors for their metadata and examples and remembers the answers.

    Who asks for the same at once shares one question, which goes on while any of them waits.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._known: dict[tuple[str, ...], tuple[float, Described]] = {}
        self._asking: SingleFlight[Described] = SingleFlight()

    async def describe(
        self, target: Target, timeout: float, patience: float | None = None
    ) -> Described:
        """The model behind ``target``, asked within ``timeout`` seconds unless known.

        ``patience`` is for a connection, in seconds, where less than the usual is wanted.

        Raises ``NotFound``, ``UpstreamDown``, ``UpstreamBroke`` or ``DeadlineExceeded``.
        """
        arm = target.arm
        key = (target.model, arm.url, arm.model, arm.revision, arm.fingerprint)
        known = self._known.get(key)
        now = time.monotonic()
        if known is not None and now - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            async with asyncio.timeout(timeout):
                # Who has less patience gives up for itself alone.
                described, _ = await self._asking.join(
                    (key, patience), lambda: self._ask(key, target, patience)
                )
                return described
        except TimeoutError:
            raise DeadlineExceeded(
                f"model {target.model!r} did not describe itself within {timeout:g} s"
            ) from None
        except OthersFailed as failed:
            cause = failed.__cause__
            if isinstance(cause, GatewayError):  # one of its own: a refusal is written to
                raise type(cause)(str(cause)) from None
            raise

    async def _ask(self, key: tuple[str, ...], target: Target, patience: float | None) -> Described:
        path = f"/v2/models/{target.arm.model}"
        try:
            metadata, examples = await asyncio.gather(
                self._document(target, path, patience),
                self._document(target, path + "/examples", patience),
            )
        except (aiohttp.ClientError, ConnectionError):
            raise self._broke(target) from None
        if metadata is None:
            raise NotFound(f"the predictor of model {target.model!r} does not know it")
        try:
            described = describe_documents(target.model, metadata, examples or {})
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise self._broke(target) from None
        now = time.monotonic()
        self._known[key] = (now, described)
        for old in [key for key, (at, _) in self._known.items() if now - at > FRESH_SECONDS]:
            del self._known[old]
        return described

    async def _document(
        self, target: Target, path: str, patience: float | None
    ) -> dict[str, Any] | None:
        """One JSON object; None where the predictor has no such route."""
        response = await self._upstream.send(target.arm, "GET", path, CIMultiDict(), wait=patience)
        async with response:
            if response.status in {404, 405, 501}:
                return None
            body = await read_at_most(response, MOST_BYTES)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if response.status != 200 or not isinstance(document, dict):
            raise self._broke(target)
        return document

    @staticmethod
    def _broke(target: Target) -> UpstreamBroke:
        return UpstreamBroke(f"the predictor of model {target.model!r} did not describe itself")


def describe_documents(name: str, metadata: dict[str, Any], examples: dict[str, Any]) -> Described:
    """A predictor's metadata and examples as people see the model ``name``."""
    inputs = metadata.get("inputs") or []
    kind: Kind = "other"
    spec: dict[str, Any] = {}
    if len(inputs) == 1:
        spec = inputs[0]
        kind = _kind_of(spec)
    shape = tuple(int(size) for size in spec.get("shape", ()))
    features = tuple(str(feature) for feature in metadata.get("features") or ())
    if kind == "features" and len(features) != shape[1]:
        features = tuple(f"Number {place + 1}" for place in range(shape[1]))
    data = metadata.get("data") or {}
    given = [_example(kind, example) for example in examples.get("examples") or ()]
    return Described(
        name=name,
        kind=kind,
        input_name=str(spec.get("name", "")),
        datatype=str(spec.get("datatype", "")),
        shape=shape,
        features=features,
        labels=tuple(str(label) for label in metadata.get("labels") or ()),
        note=str(data.get("note") or ""),
        examples=tuple(example for example in given if example is not None),
    )


def _kind_of(spec: dict[str, Any]) -> Kind:
    shape = spec.get("shape") or []
    if spec.get("datatype") == "BYTES":
        if len(shape) != 1:
            return "other"
        return "image" if spec.get("content") == "image" else "text"
    if len(shape) == 1:
        return "numbers"
    if len(shape) == 2 and shape[1] > 0:
        return "features"
    return "other"


def _example(kind: Kind, example: dict[str, Any]) -> Example | None:
    """One example's first row; None where it is not of the model's kind."""
    tensors = example.get("inputs") or []
    if kind == "other" or len(tensors) != 1 or not tensors[0].get("data"):
        return None
    data = tensors[0]["data"]
    title = str(example.get("title") or "")
    if kind == "image":
        try:
            return Example(title, None, base64.b64decode(data[0], validate=True))
        except (binascii.Error, TypeError, ValueError):
            return None
    if kind == "text":
        return Example(title, str(data[0]), None)
    if kind == "features":
        shape = tensors[0].get("shape") or [1, len(data)]
        row = data[0] if isinstance(data[0], list) else data[: shape[-1]]
        return Example(title, list(row), None)
    return Example(title, list(data), None)
