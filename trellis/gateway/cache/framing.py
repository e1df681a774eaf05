"""An answer as bytes in Redis, checked when read.

::

    "TC1" | key's digest, 32 | CRC-32 of what follows | status, 2 | headers' length, 4 |
    body's length, 4 | headers as name:value lines | body

All numbers are big-endian. The digest is there so that bytes of another key, however they came
to be under this one, are never an answer.
"""

import struct
import zlib

from trellis.gateway.cache.answer import CachedAnswer

_MAGIC = b"TC1"
_OUTER = struct.Struct(">3s32sI")
_INNER = struct.Struct(">HII")


def to_frame(digest: bytes, answer: CachedAnswer) -> bytes:
    """``answer`` under ``digest`` as one value."""
    lines = b"\n".join(name + b":" + value for name, value in answer.headers)
    inner = (
        _INNER.pack(answer.status, len(lines), len(answer.body)),
        lines,
        answer.body,
    )
    content = b"".join(inner)
    return _OUTER.pack(_MAGIC, digest, zlib.crc32(content)) + content


def from_frame(digest: bytes, frame: bytes) -> CachedAnswer | None:
    """The answer in ``frame``; None where it is cut, garbled, or another key's."""
    start = _OUTER.size + _INNER.size
    if len(frame) < start:
        return None
    magic, whose, checksum = _OUTER.unpack_from(frame)
    if (
        magic != _MAGIC
        or whose != digest
        or zlib.crc32(memoryview(frame)[_OUTER.size :]) != checksum
    ):
        return None
    status, lines_length, body_length = _INNER.unpack_from(frame, _OUTER.size)
    if len(frame) != start + lines_length + body_length:
        return None
    lines = frame[start : start + lines_length]
    headers = []
    for line in lines.split(b"\n") if lines else ():
        name, colon, value = line.partition(b":")
        if not colon:
            return None
        headers.append((name, value))
    return CachedAnswer(status, tuple(headers), frame[start + lines_length :])
