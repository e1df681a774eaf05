"""What an answer is kept under, and the body that is sent for it.

JSON is hashed in one canonical form, and that form is what the predictor gets: two parsers may
read one text differently (of a name given twice the first or the last), and then one caller
could have an answer of their choice kept for another's input. Anything else is hashed, and
sent, as it came.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode

import orjson

from trellis.gateway.cache.answer_id import put_id
from trellis.gateway.headers import ANSWER_AS
from trellis.gateway.router import Target

Kind = Literal["v1", "v2"]

_READ_AS_JSON = (b"application/json", b"")
_HEADER_LENGTH = b"inference-header-content-length"
#: Headers that say how a body is read or which form of answer is wanted.
_MATTER = (
    b"content-type",
    b"content-encoding",
    b"accept",
    _HEADER_LENGTH,
    ANSWER_AS.encode(),
)
#: Fields of a query that choose the version: it is in the key by itself.
_CHOOSE = frozenset(("model_version", "fallback"))


class Input(NamedTuple):
    """One inference request as it came: its protocol, headers (names in lower case), query, body."""

    kind: Kind
    headers: tuple[tuple[bytes, bytes], ...]
    query: bytes
    body: bytes


class CacheKey(NamedTuple):
    """``digest``, 32 bytes; ``body``, what to send to the predictor in the request's place.

    ``answer_id`` is the ``id`` for a V2 answer, None for a V1 one. ``seconds`` is how long the
    answer may be kept.
    """

    digest: bytes
    body: bytes
    answer_id: str | None
    seconds: float


def cache_key(target: Target, asked: Input, request_id: str, seconds: float) -> CacheKey:
    """The key of one request to one arm; without an ``id`` of its own it gets ``request_id``.

    Two requests share a key only if the same version of the same model with the same fingerprint
    would read the same input. Numbers are those of the protocols: 64-bit integers and doubles.
    """
    arm = target.arm
    headers = _that_matter(asked.headers)
    form, body, given = _canonical(asked, headers)
    parts = (_query(asked.query), *(headers.get(name, b"") for name in _MATTER), form, body)
    hashed = _begun(target.model, arm.model, arm.version, arm.fingerprint, asked.kind).copy()
    hashed.update(_joined(parts))
    if asked.kind == "v1":
        return CacheKey(hashed.digest(), body, None, seconds)
    if form == b"json" and given is not None:
        body = put_id(body, given)
    elif form == b"raw":
        given = _id_of_raw(body, headers.get(_HEADER_LENGTH))
    return CacheKey(hashed.digest(), body, request_id if given is None else given, seconds)


def _canonical(asked: Input, headers: dict[bytes, bytes]) -> tuple[bytes, bytes, str | None]:
    """How the body was read (``json`` or ``raw``), its canonical form, and the id taken out."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if (
        media_type not in _READ_AS_JSON
        or _HEADER_LENGTH in headers
        or b"content-encoding" in headers
    ):
        return b"raw", asked.body, None
    try:
        document = orjson.loads(asked.body)
        given = _take_id(document) if asked.kind == "v2" else None
        return b"json", orjson.dumps(document, option=orjson.OPT_SORT_KEYS), given
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        # Not JSON, or nested deeper than can be written: the predictor's to judge.
        return b"raw", asked.body, None


def _id_of_raw(body: bytes, json_length: bytes | None) -> str | None:
    """The id that a predictor reads in a body that is sent as it came; None where it reads none.

    JSON may come under any media type (``curl -d`` gives a form's), and with the binary extension
    it is the body's beginning.
    """
    if json_length is not None and not json_length.isdigit():
        return None
    try:
        return _take_id(orjson.loads(body if json_length is None else body[: int(json_length)]))
    except orjson.JSONDecodeError:
        return None


def _take_id(document: object) -> str | None:
    """The request's id, taken out of it; one that is no string stays, for the predictor to refuse."""
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        return None
    given: str = document.pop("id")
    return given


def _that_matter(headers: tuple[tuple[bytes, bytes], ...]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _MATTER:
            before = found.get(name)
            found[name] = value if before is None else before + b"," + value
    return found


@lru_cache(maxsize=256)
def _begun(*words: str) -> blake2b:
    """The hash of what does not change from request to request."""
    return blake2b(_joined([word.encode() for word in words]), digest_size=32)


def _joined(parts: Sequence[bytes]) -> bytes:
    """All parts, their lengths first: no part can pass for the beginning of the next."""
    return struct.pack(f">{len(parts)}Q", *map(len, parts)) + b"".join(parts)


def _query(query: bytes) -> bytes:
    if not query:
        return b""
    fields = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return urlencode([field for field in fields if field[0] not in _CHOOSE]).encode()
