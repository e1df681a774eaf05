"""Which headers pass the gateway, in both directions."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from multidict import CIMultiDict

from trellis.telemetry.request_ids import Trace, trace

RawHeaders = Iterable[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
#: For a caller who asked for no version: the name that a V2 answer is to carry, and no version with
#: it. The body passes unparsed, so the predictor has to write it so.
ANSWER_AS = "x-answer-as"
#: Not for the predictor: its address, what the gateway sets itself, the gateway's own cookie and
#: keys.
_NOT_FORWARDED = _HOP_BY_HOP | {
    b"host",
    b"expect",
    b"x-request-id",
    b"traceparent",
    b"cookie",
    b"authorization",
    b"x-api-key",
    ANSWER_AS.encode(),
}
_NOT_RETURNED = _HOP_BY_HOP | {b"x-request-id", b"x-cache", b"server", b"date"}
_READ_AND_FORWARDED = frozenset((b"x-model-version", b"content-length", b"cache-control"))
_NO_CACHE = (b"no-cache", b"no-store")
#: Read headers whose lines say the same as one line with commas.
_LISTS = frozenset((b"connection", b"cache-control"))
#: What would tell a person which version answered.
WHICH_VERSION = frozenset((b"x-model-version", b"x-model-revision", b"x-model-fingerprint"))


class Incoming(NamedTuple):
    """What the gateway reads in a request's headers, and what it passes on."""

    forward: CIMultiDict[str]
    trace: Trace
    version: str | None
    unit: bytes | None
    cookie: bytes | None
    content_length: bytes | None
    credentials: bytes | None
    no_cache: bool


def read_headers(raw: RawHeaders, unit_header: bytes) -> Incoming:
    """Split a request's headers (names in lower case, as ASGI has them)."""
    forward: CIMultiDict[str] = CIMultiDict()
    seen: dict[bytes, bytes] = {}
    for name, value in raw:
        if name in _NOT_FORWARDED:
            seen[name] = _joined(name, seen, value)
        else:
            if name in _READ_AND_FORWARDED or name == unit_header:
                seen[name] = _joined(name, seen, value)
            forward.add(name.decode("latin-1"), _forwarded(value))
    for named in seen.get(b"connection", b"").split(b","):
        forward.popall(named.strip().decode("latin-1"), None)
    both = trace(_text(seen.get(b"x-request-id")), _text(seen.get(b"traceparent")))
    forward["x-request-id"] = both.request_id
    forward["traceparent"] = both.traceparent
    return Incoming(
        forward,
        both,
        _text(seen.get(b"x-model-version")) or None,
        seen.get(unit_header),
        seen.get(b"cookie"),
        seen.get(b"content-length"),
        credentials_among(seen),
        b"cache-control" in seen
        and any(word in seen[b"cache-control"].lower() for word in _NO_CACHE),
    )


def _joined(name: bytes, seen: dict[bytes, bytes], value: bytes) -> bytes:
    """A header's value with what came of it before, where the header is a list; else the last."""
    return seen[name] + b"," + value if name in _LISTS and name in seen else value


def credentials_among(headers: Mapping[bytes, bytes]) -> bytes | None:
    """What a caller shows of itself, None for nothing; names in lower case.

    ``x-api-key`` goes first: ``authorization`` may be meant for a proxy before the gateway.
    """
    return headers.get(b"x-api-key") or headers.get(b"authorization")


def returned_headers(
    raw: RawHeaders, request_id: str, *, keep_version: bool
) -> list[tuple[bytes, bytes]]:
    """A predictor's headers for the caller; ``keep_version`` for one who asked for a version."""
    headers = [
        (lower, value)
        for name, value in raw
        if (lower := name.lower()) not in _NOT_RETURNED
        and (keep_version or lower not in WHICH_VERSION)
    ]
    headers.append((b"x-request-id", request_id.encode("latin-1")))
    return headers


def _forwarded(value: bytes) -> str:
    """As the HTTP client wants it: it writes UTF-8, so what is none cannot pass byte by byte."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
