"""The ``Prefer`` header, RFC 7240: answer later, or wait for so many seconds."""

import re
from collections.abc import Iterable

_PREFERENCE = re.compile(rb'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*("[^"]*"|[^\s;,"]*))?')


def respond_async(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the caller prefers a job to a wait; names of headers are in lower case."""
    return any(name == b"prefer" and b"respond-async" in _of(value) for name, value in headers)


def wait_seconds(headers: Iterable[tuple[bytes, bytes]], most: int) -> int:
    """How long the caller would wait, in whole seconds up to ``most``; 0 where it says nothing.

    A preference that cannot be read is none: the RFC has it ignored.
    """
    for name, value in headers:
        if name == b"prefer":
            wait = _of(value).get(b"wait", b"")
            if wait.isdigit():
                return min(int(wait[:9]), most)
    return 0


def _of(value: bytes) -> dict[bytes, bytes]:
    """Preferences with their values; of one that comes twice the first counts."""
    found: dict[bytes, bytes] = {}
    for part in value.split(b","):
        if matched := _PREFERENCE.match(part):
            found.setdefault(matched[1].lower(), (matched[2] or b"").strip(b'"'))
    return found
