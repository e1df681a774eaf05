import io

import pytest
from PIL import Image

from trellis.serving.codecs.image_header import (
    BrokenHeaderError,
    exif_orientation,
    image_format,
    read_jpeg,
    read_png_size,
    read_webp_size,
)


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (37, 21), (1, 2, 3)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "name"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WebP"), ("GIF", None)]
)
def test_format(kind: str, name: str | None) -> None:
    assert image_format(encoded(kind)) == name


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_size(progressive: bool) -> None:
    header = read_jpeg(encoded("JPEG", progressive=progressive))
    assert header.size == (37, 21)
    assert header.orientation == 1
    assert header.exif_segments == ()


def test_jpeg_exif_is_found_where_it_lies() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded("JPEG", exif=exif.tobytes())
    header = read_jpeg(data)
    assert header.orientation == 6
    ((start, end),) = header.exif_segments
    assert data[start : start + 2] == b"\xff\xe1"
    assert data[start + 4 : start + 8] == b"Exif"
    assert data[end] == 0xFF


def test_jpeg_fill_bytes_are_passed_over() -> None:
    data = encoded("JPEG")
    assert read_jpeg(data[:2] + b"\xff" * 1000 + data[2:]).size == (37, 21)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xd8\xff", "ends before"),
        (b"\xff\xd8" + b"\xff" * 100_000, "ends before"),
        (b"\xff\xd8\xff\xe0\xff\xff12", "runs past the end"),
        (b"\xff\xd8\xff\xe0\x00\x00123456", "runs past the end"),
        (b"\xff\xd8abcdef", "no marker at byte 2"),
        (b"\xff\xd8\xff\xd9\x00\x00\x00\x00", "ends before"),
    ],
    ids=["nothing", "only fill", "long segment", "length zero", "no marker", "end at once"],
)
def test_a_broken_jpeg_says_where(data: bytes, says: str) -> None:
    with pytest.raises(BrokenHeaderError, match=says):
        read_jpeg(data)


def test_png_size() -> None:
    assert read_png_size(encoded("PNG")) == (37, 21)
    with pytest.raises(BrokenHeaderError, match="before its size"):
        read_png_size(encoded("PNG")[:20])
    with pytest.raises(BrokenHeaderError, match="before its last chunk"):
        read_png_size(encoded("PNG")[:-8])


def test_png_of_endless_chunks() -> None:
    data = encoded("PNG")
    empty = b"\0\0\0\0tEXt\0\0\0\0"
    assert read_png_size(data[:33] + empty * 1000 + data[33:]) == (37, 21)
    with pytest.raises(BrokenHeaderError, match="more than 20000 chunks"):
        read_png_size(data[:33] + empty * 20_000 + data[33:])


@pytest.mark.parametrize(
    "options",
    [{}, {"lossless": True}, {"exif": Image.Exif().tobytes(), "icc_profile": b"x" * 10}],
    ids=["VP8", "VP8L", "VP8X"],
)
def test_webp_size(options: dict[str, object]) -> None:
    data = encoded("WEBP", **options)
    assert read_webp_size(data) == (37, 21)
    with pytest.raises(BrokenHeaderError):
        read_webp_size(data[:16])


@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"], ids=["bare", "with prefix"])
def test_orientation_of_both_byte_orders(order: str, prefix: bytes) -> None:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "a maker"
    exif[0x0112] = 8
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert block[:2] == (b"II" if order == "<" else b"MM")
    assert exif_orientation(prefix + block) == 8


def test_orientation_of_anything_else_is_upright() -> None:
    assert exif_orientation(b"") == 1
    assert exif_orientation(b"II*\0\xff\xff\xff\xff") == 1
    assert exif_orientation(b"something else entirely") == 1
