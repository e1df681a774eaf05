"""Reads and rewrites the model's name in a V2 gRPC request without knowing the rest of it.

In ``ModelInferRequest``, ``ModelMetadataRequest`` and ``ModelReadyRequest`` alike, field 1 is the
model's name and field 2 its version; field 4 of the first holds its parameters. Tensors are skipped by their length, never looked at.
Source: Protocol Buffers, "Encoding": a message is a row of (tag, value); of a field that repeats
the last one counts; unknown fields are skipped.
"""

from collections.abc import Iterator
from typing import NamedTuple

NAME_FIELD = 1
VERSION_FIELD = 2
PARAMETERS_FIELD = 4
#: The entry ``"fallback": InferParameter(bool_param=true)`` of the parameters' map.
_FALLBACK = b"\x0a\x08fallback\x12\x02\x08\x01"
#: Top-level fields of one message; a real request has a handful, one or two a tensor.
MOST_FIELDS = 4096

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SEVEN_BITS = 0x7F
_MORE = 0x80
_LONGEST_VARINT = 10


class Malformed(ValueError):
    """The bytes are no protobuf message with a name; the text is a sentence for the caller."""


class Names(NamedTuple):
    """``model`` and ``version`` ("" where none); ``spans`` of the name fields, tags included.

    ``fallback``: whether the caller lets another version answer where that one is unknown.
    """

    model: str
    version: str
    fallback: bool
    spans: tuple[tuple[int, int], ...]


def read_names(message: bytes) -> Names:
    """Find name and version. Raises ``Malformed`` on bytes that are no such message."""
    model = version = b""
    fallback = False
    spans: list[tuple[int, int]] = []
    for field, start, value_start, end in _fields(message):
        if field == NAME_FIELD:
            model = message[value_start:end]
            spans.append((start, end))
        elif field == VERSION_FIELD:
            version = message[value_start:end]
        elif field == PARAMETERS_FIELD and end - value_start == len(_FALLBACK):
            fallback = fallback or message[value_start:end] == _FALLBACK
    return Names(
        _utf8(model, "model name"), _utf8(version, "model version"), fallback, tuple(spans)
    )


def renamed(message: bytes, names: Names, model: str) -> bytes:
    """The same message with another model's name; ``names`` as read from it."""
    name = model.encode()
    parts = [_tag_and_size(NAME_FIELD, len(name)), name]
    at = 0
    for start, end in names.spans:
        parts.append(message[at:start])
        at = end
    parts.append(message[at:])
    return b"".join(parts)


def text_field(field: int, text: str) -> bytes:
    """One string field, for the small answers that the gateway writes itself."""
    value = text.encode()
    return _tag_and_size(field, len(value)) + value


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Number, start, start of the value and end of every field that has a length."""
    at = fields = 0
    while at < len(message):
        start = at
        fields += 1
        if fields > MOST_FIELDS:
            raise Malformed(f"the request has more than {MOST_FIELDS} fields")
        tag, at = _varint(message, at)
        field, wire_type = tag >> 3, tag & 7
        if field == 0:
            raise Malformed(f"the request is no protobuf message: field number 0 at byte {start}")
        if wire_type == _BYTES:
            size, value_start = _varint(message, at)
            at = value_start + size
            if at <= len(message):
                yield field, start, value_start, at
        elif field in {NAME_FIELD, VERSION_FIELD}:
            raise Malformed(f"field {field} of the request must be a string")
        else:
            at = _after_number(message, at, wire_type)
        if at > len(message):
            raise Malformed(f"the request ends inside field {field}")


def _tag_and_size(field: int, size: int) -> bytes:
    written = bytearray([field << 3 | _BYTES])
    while size > _SEVEN_BITS:
        written.append(size & _SEVEN_BITS | _MORE)
        size >>= 7
    written.append(size)
    return bytes(written)


def _after_number(message: bytes, at: int, wire_type: int) -> int:
    if wire_type == _VARINT:
        return _varint(message, at)[1]
    if wire_type == _FIXED64:
        return at + 8
    if wire_type == _FIXED32:
        return at + 4
    raise Malformed(f"the request is no protobuf message: wire type {wire_type} at byte {at - 1}")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in message[at : at + _LONGEST_VARINT]:
        at += 1
        value |= (byte & _SEVEN_BITS) << shift
        if not byte & _MORE:
            return value, at
        shift += 7
    raise Malformed(f"the request is no protobuf message: a number does not end at byte {at}")


def _utf8(value: bytes, what: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"the {what} is no UTF-8: {error.reason} at byte {error.start}") from None
