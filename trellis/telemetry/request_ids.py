"""Request ids and W3C trace context: taken from the caller or made."""

import os
import random
import re
from typing import NamedTuple

#: Visible ASCII only, bounded: an id goes into headers and log lines as it is.
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


#: An id must be unique and is no secret; asking the kernel for each one costs a system call.
_UNIQUE = random.Random(os.urandom(32))


class Trace(NamedTuple):
    """Identity of one request: its id and the trace context to pass on."""

    request_id: str
    traceparent: str


def take_or_make_request_id(given: str | None) -> str:
    """The caller's ``x-request-id`` if it is 1 to 128 visible ASCII characters, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return _UNIQUE.randbytes(16).hex()


def child_traceparent(given: str | None) -> str:
    """A ``traceparent`` for the next hop: the caller's trace with a span of our own, or a new trace.

    Source: W3C Trace Context, level 1, section 3.2; a malformed header starts a new trace (4.2).
    """
    span = _UNIQUE.randbytes(8).hex()
    if given is not None and (match := _TRACEPARENT.fullmatch(given)):
        return f"00-{match[1]}-{span}-{match[3]}"
    return f"00-{_UNIQUE.randbytes(16).hex()}-{span}-00"


def trace(request_id: str | None, traceparent: str | None) -> Trace:
    """Both identities of a request from its headers."""
    return Trace(take_or_make_request_id(request_id), child_traceparent(traceparent))
