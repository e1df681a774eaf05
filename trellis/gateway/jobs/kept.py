"""What a job keeps of its request: the path, and the headers that its answer may depend on."""

from typing import Any
from urllib.parse import quote

from trellis.gateway.headers import Incoming
from trellis.gateway.units import COOKIE

#: Headers that are for the gateway, for one connection, or set anew when the job runs.
_NOT_KEPT = frozenset(
    (
        b"accept-encoding",
        b"authorization",
        b"connection",
        b"content-length",
        b"cookie",
        b"expect",
        b"host",
        b"idempotency-key",
        b"keep-alive",
        b"prefer",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"traceparent",
        b"transfer-encoding",
        b"upgrade",
        b"x-api-key",
        b"x-callback-url",
        b"x-request-id",
    )
)


def kept_path(scope: dict[str, Any], people_ask_for: str | None) -> str:
    """Path and query as they were asked for, percent-encoded.

    ``people_ask_for`` names the model where people asked, by name or as the default: what the
    default is may have changed when the job runs.
    """
    raw_path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    path = raw_path.decode("latin-1")
    if people_ask_for is not None:
        path = f"/predict/{quote(people_ask_for, safe='')}"
    return f"{path}?{query.decode('latin-1')}" if query else path


def kept_headers(scope: dict[str, Any], incoming: Incoming) -> tuple[tuple[str, str], ...]:
    """Headers with the request's identity, byte for byte as latin-1; of cookies only our own."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if name not in _NOT_KEPT
    ]
    kept.append(("x-request-id", incoming.trace.request_id))
    kept.append(("traceparent", incoming.trace.traceparent))
    pairs = (incoming.cookie or b"").decode("latin-1").split(";")
    own = [pair.strip() for pair in pairs if pair.strip().startswith(f"{COOKIE}=")]
    if own:
        kept.append(("cookie", own[0]))
    return tuple(kept)
