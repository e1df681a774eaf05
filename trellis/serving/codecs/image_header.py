"""What the first bytes of an image say of it, read without decoding anything.

The size is known before any memory is taken for pixels, and the orientation is read by a
parser that only ever looks up one tag: Pillow's own reads the whole EXIF block and warns about
every oddity in it.
"""

import re
import struct
from dataclasses import dataclass
from typing import Literal

ImageFormat = Literal["JPEG", "PNG", "WebP"]

_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT = 3
#: JPEG markers that start a frame and hold its size: SOF0 to SOF15 without DHT, JPG and DAC.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Real files have a few dozen; an ICC profile may add 255.
_MOST_SEGMENTS = 1000
#: Some encoders cut the pixels into chunks of 8 KiB, which makes thousands.
_MOST_CHUNKS = 20_000
#: Markers that stand alone: TEM, RST0 to RST7 and SOI, and 0, which is none. What follows is no
#: length to one decoder and might be to another; before the picture no encoder writes them.
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
_CODE = re.compile(rb"[^\xff]")
_APP1, _START_OF_SCAN, _END_OF_IMAGE = 0xE1, 0xDA, 0xD9


class BrokenHeaderError(ValueError):
    """The header ends early or contradicts itself; the message says where."""


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """Size in pixels as stored, orientation 1 to 8, and where EXIF segments lie in the file."""

    size: tuple[int, int]
    orientation: int
    exif_segments: tuple[tuple[int, int], ...]


def image_format(data: bytes) -> ImageFormat | None:
    """Which of the accepted formats these bytes claim to be, by their first twelve."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return None


def read_jpeg(data: bytes) -> JpegHeader:
    """Walk the segments up to the first frame and scan; raises ``BrokenHeaderError``."""
    size: tuple[int, int] | None = None
    orientation = 1
    exif_segments: list[tuple[int, int]] = []
    at = 2
    for _ in range(_MOST_SEGMENTS):
        at = _marker_at(data, at)
        if at + 4 > len(data):
            break
        marker = data[at + 1]
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            break
        if marker in _ALONE:
            raise BrokenHeaderError(f"marker {marker:#04x} at byte {at} has no place in a header")
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise BrokenHeaderError(f"the segment at byte {at} runs past the end")
        if marker == _APP1 and data[at + 4 : at + 10] == _EXIF:
            if not exif_segments:
                orientation = exif_orientation(data[at + 4 : end])
            exif_segments.append((at, end))
        elif marker in _FRAMES and length >= 8:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        at = end
    else:
        raise BrokenHeaderError(f"more than {_MOST_SEGMENTS} segments come before the picture")
    if size is None:
        raise BrokenHeaderError("it ends before the picture starts")
    return JpegHeader(size, orientation, tuple(exif_segments))


def _marker_at(data: bytes, at: int) -> int:
    """Where the next marker starts: any number of bytes 0xFF may come before its code."""
    code = _CODE.search(data, at)
    if code is None:
        return len(data)
    if code.start() == at:
        raise BrokenHeaderError(f"no marker at byte {at}")
    return code.start() - 1


def read_png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG; raises ``BrokenHeaderError``, also for a file cut short.

    Pillow reads a PNG as far as it goes and may fill the rest with black.
    """
    if len(data) < 24 or data[12:16] != b"IHDR":
        raise BrokenHeaderError("it ends before its size is known")
    _walk_png(data)
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _walk_png(data: bytes) -> None:
    at = 8
    for _ in range(_MOST_CHUNKS):
        if data[at + 4 : at + 8] == b"IEND":
            return
        if at + 12 > len(data):
            raise BrokenHeaderError("it ends before its last chunk")
        if data[at + 4 : at + 8] == b"IHDR" and at > 8:
            raise BrokenHeaderError(f"it says its size again at byte {at}")
        (length,) = struct.unpack_from(">I", data, at)
        at += 12 + length
    raise BrokenHeaderError(f"it is cut into more than {_MOST_CHUNKS} chunks")


def read_webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP's canvas; raises ``BrokenHeaderError``."""
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(data) >= 25:
        (packed,) = struct.unpack_from("<I", data, 21)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    raise BrokenHeaderError("it ends before its size is known")


def exif_orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, that an EXIF block gives; 1 where it gives none or is broken."""
    tiff = exif.removeprefix(_EXIF)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
            if tag == _ORIENTATION and kind == _SHORT:
                (value,) = struct.unpack_from(f"{order}H", tiff, entry + 8)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1
