"""Pictures of one colour, whole and broken."""

import io
import struct
import zlib

from PIL import Image

Colour = tuple[int, int, int]


def png(colour: Colour, size: tuple[int, int] = (16, 12)) -> bytes:
    return _saved(colour, size, "PNG")


def jpeg(colour: Colour, size: tuple[int, int] = (16, 12)) -> bytes:
    return _saved(colour, size, "JPEG")


def webp(colour: Colour, size: tuple[int, int] = (16, 12)) -> bytes:
    return _saved(colour, size, "WEBP")


def huge_png(width: int, height: int) -> bytes:
    """A whole, valid PNG in black that is small as a file: a decompression bomb."""
    deflate = zlib.compressobj()
    line = bytes(1 + (width + 7) // 8)  # a filter's number, then one bit a pixel
    body = b"".join(deflate.compress(line) for _ in range(height)) + deflate.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _saved(colour: Colour, size: tuple[int, int], kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()
