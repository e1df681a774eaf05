"""Which gRPC metadata passes the gateway, in both directions; as ``headers.py`` does for REST."""

from collections.abc import Iterable
from typing import Any

from trellis.contracts.routing_table import TAG_HEADER
from trellis.gateway.headers import ANSWER_AS, WHICH_VERSION
from trellis.telemetry.request_ids import Trace

Metadata = list[tuple[str, str | bytes]]

_NOT_FORWARDED = frozenset(
    (
        "user-agent",
        "x-request-id",
        "traceparent",
        "te",
        "content-type",
        "authorization",
        "x-api-key",
        ANSWER_AS,
        TAG_HEADER,
    )
)
_WHICH_VERSION = frozenset(name.decode() for name in WHICH_VERSION)


def forwarded_metadata(metadata: Any, identity: Trace, answer_as: str | None, tag: str) -> Metadata:
    """A call's metadata for the predictor, with the request's id and trace; ``answer_as`` is the
    model's name for a caller who asked for no version, and is to be told none; ``tag`` the arm's.
    """
    passed: Metadata = [
        (key, value)
        for key, value in metadata or ()
        if key not in _NOT_FORWARDED and not key.startswith(("grpc-", ":"))
    ]
    passed.append(("x-request-id", identity.request_id))
    passed.append(("traceparent", identity.traceparent))
    if answer_as is not None:
        passed.append((ANSWER_AS, answer_as))
    if tag:
        passed.append((TAG_HEADER, tag))
    return passed


def returned_metadata(metadata: Any, identity: Trace | None, *, keep_version: bool) -> Metadata:
    """A predictor's metadata for the caller; ``keep_version`` for one who asked for a version."""
    returned: Metadata = [
        (key, value)
        for key, value in metadata or ()
        if key != "x-request-id"
        and not key.startswith(("grpc-", ":"))
        and (keep_version or key not in _WHICH_VERSION)
    ]
    if identity is not None:
        returned.append(("x-request-id", identity.request_id))
    return returned


def as_metadata(headers: Iterable[tuple[bytes, bytes]]) -> Metadata:
    """Headers of an HTTP answer as metadata."""
    return [(name.decode(), value.decode("latin-1")) for name, value in headers]
