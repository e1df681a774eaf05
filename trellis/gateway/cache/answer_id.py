"""The ``id`` of V2: it is the caller's own, so it is kept out of the cache.

Source: Open Inference Protocol V2, "Inference Response JSON Object": ``id`` repeats the
request's. With the binary extension the JSON is the body's beginning, of as many bytes as
``inference-header-content-length`` says.
"""

import orjson

from trellis.gateway.cache.answer import CachedAnswer

_LENGTH = b"inference-header-content-length"


def without_id(answer: CachedAnswer) -> CachedAnswer | None:
    """The answer without its ``id``; None where it has no outputs, and so must not be kept."""
    at = _json_length(answer)
    if at is None:
        return None
    try:
        document = orjson.loads(answer.body[:at])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("outputs"), list):
        return None
    document.pop("id", None)
    return _with_json(answer, orjson.dumps(document), at)


def with_id(answer: CachedAnswer, request_id: str) -> CachedAnswer:
    """An answer of ``without_id`` with an ``id``."""
    length = answer.header(_LENGTH)
    if length is None:
        return CachedAnswer(answer.status, answer.headers, put_id(answer.body, request_id))
    at = int(length)
    return _with_json(answer, put_id(answer.body[:at], request_id), at)


def put_id(document: bytes, request_id: str) -> bytes:
    """A JSON object as ``orjson`` writes it, that has no ``id``, with one."""
    rest = document[1:]
    return b'{"id":%b%b%b' % (orjson.dumps(request_id), b"" if rest == b"}" else b",", rest)


def _json_length(answer: CachedAnswer) -> int | None:
    length = answer.header(_LENGTH)
    if length is None:
        return len(answer.body)
    if not length.isdigit() or int(length) > len(answer.body):
        return None
    return int(length)


def _with_json(answer: CachedAnswer, head: bytes, at: int) -> CachedAnswer:
    headers = tuple(
        (name, str(len(head)).encode() if name == _LENGTH else value)
        for name, value in answer.headers
        if name != b"content-length"
    )
    return CachedAnswer(answer.status, headers, head + answer.body[at:])
