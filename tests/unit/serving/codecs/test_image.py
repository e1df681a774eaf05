import io
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from trellis.serving.codecs import image_header
from trellis.serving.codecs.image import ImageLimits, decode_image
from trellis.serving.errors import BadRequest, TooLarge, WrongMediaType

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def quarters(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and white, one a quarter, so that any turn shows."""
    image = Image.new("RGB", (width, height))
    for index, colour in enumerate((RED, GREEN, BLUE, WHITE)):
        part = Image.new("RGB", (width // 2, height // 2), colour)
        image.paste(part, (index % 2 * width // 2, index // 2 * height // 2))
    return image


def corners(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """The colours in the middle of each quarter, rounded to pure ones."""
    height, width = pixels.shape[:2]
    middles = [(y, x) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [tuple(int(v > 127) * 255 for v in pixels[y, x]) for y, x in middles]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_formats(kind: str) -> None:
    pixels = decode_image(encoded(quarters(), kind), width=20, height=10)
    assert pixels.shape == (10, 20, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert corners(pixels) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("size", [(64, 48), (640, 480)], ids=["small", "drafted"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int, kind: str, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(quarters(*size), kind, exif=exif.tobytes())
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB").resize((32, 24))
    pixels = decode_image(data, width=32, height=24)
    assert corners(pixels) == corners(np.asarray(expected))


@pytest.mark.parametrize("orientation", [0, 9, 6000])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(quarters(), "JPEG", exif=exif.tobytes())
    assert corners(decode_image(data, width=32, height=24)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0MM\0*\0\0\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x03",
    ],
    ids=["empty", "short", "far offset", "too many entries"],
)
def test_broken_exif_neither_fails_nor_warns(exif: bytes) -> None:
    plain = encoded(quarters(), "JPEG")
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    data = plain[:2] + segment + plain[2:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert corners(decode_image(data, width=32, height=24)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_lies_on_white(kind: str, mode: str) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 20, 40))
    pixels = decode_image(encoded(image.convert(mode), kind), width=4, height=4)
    assert pixels[1, 0].tolist() == [0, 0, 0]
    assert pixels[1, 3].tolist() == [255, 255, 255]


def test_half_transparent_is_half_white() -> None:
    data = encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 128)), "PNG")
    assert decode_image(data, width=2, height=2)[0, 0].tolist() == pytest.approx(
        [255, 127, 127], abs=2
    )


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_transparent_colour_lies_on_white(mode: str) -> None:
    image = Image.new("RGB", (8, 8), (9, 9, 9))
    image = image.quantize(2) if mode == "P" else image.convert(mode)
    image.info["transparency"] = (9, 9, 9) if mode == "RGB" else image.getpixel((0, 0))
    assert decode_image(encoded(image, "PNG"), width=2, height=2)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (Image.new("L", (9, 9), 100), "PNG", [100, 100, 100]),
        (Image.new("L", (9, 9), 100), "JPEG", [100, 100, 100]),
        (Image.new("1", (9, 9), 1), "PNG", [255, 255, 255]),
        (Image.new("RGB", (9, 9), (10, 200, 30)).quantize(2), "PNG", [10, 200, 30]),
        (Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG", [255, 0, 0]),
        (Image.new("I;16", (9, 9), 100 * 256), "PNG", [100, 100, 100]),
        (Image.new("I;16", (9, 9), 65535), "PNG", [255, 255, 255]),
    ],
    ids=["grey png", "grey jpeg", "bits", "palette", "cmyk", "16 bit", "16 bit white"],
)  # fmt: skip
def test_every_colour_becomes_rgb(image: Image.Image, kind: str, expected: list[int]) -> None:
    pixels = decode_image(encoded(image, kind), width=3, height=3)
    assert pixels[1, 1].tolist() == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_one_pixel(kind: str) -> None:
    pixels = decode_image(encoded(Image.new("RGB", (1, 1), RED), kind), width=5, height=7)
    assert pixels.shape == (7, 5, 3)
    assert pixels[3, 3].tolist() == pytest.approx(RED, abs=3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))
    data = encoded(noisy, kind)
    with pytest.raises(BadRequest, match="truncated or damaged") as caught:
        decode_image(data[: int(len(data) * share)], width=8, height=8)
    assert caught.value.status == 400


@pytest.mark.parametrize("size", [(20_000, 20_000), (30_000, 1_000)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    bomb = encoded(Image.new("1", size), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TooLarge, match=f"{size[0]} x {size[1]}"):
            decode_image(bomb, width=8, height=8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_limit_is_in_pixels(kind: str) -> None:
    data = encoded(quarters(100, 80), kind)
    decode_image(data, width=8, height=8, limits=ImageLimits(8000))
    with pytest.raises(TooLarge, match="100 x 80 = 8,000 pixels; at most 7,999"):
        decode_image(data, width=8, height=8, limits=ImageLimits(7999))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (encoded(quarters(), "GIF"), "a GIF"),
        (encoded(quarters(), "BMP"), "a BMP"),
        (encoded(quarters(), "TIFF"), "a TIFF"),
        (b"%PDF-1.7 and so on", "a PDF"),
        (b"just some text", "'just some te'"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "'RIFF"),
        (b"\xff\xd8", r"'\\xff\\xd8'"),
    ],
    ids=["gif", "bmp", "tiff", "pdf", "text", "wave", "two bytes"],
)
def test_anything_else_is_the_wrong_media_type(data: bytes, says: str) -> None:
    with pytest.raises(WrongMediaType, match=says) as caught:
        decode_image(data, width=8, height=8)
    assert caught.value.status == 415


def test_nothing_at_all_is_a_bad_request() -> None:
    with pytest.raises(BadRequest, match="0 bytes"):
        decode_image(b"", width=8, height=8)


def test_a_png_named_jpeg_is_read_as_what_it_is() -> None:
    assert decode_image(encoded(quarters(), "PNG"), width=8, height=8).shape == (8, 8, 3)


def test_a_png_may_not_say_its_size_twice() -> None:
    """The last one counts for the decoder; 9000 x 9000 pixels would be 81 MB."""
    small, large = (encoded(Image.new("1", (side, side)), "PNG") for side in (1, 9000))
    with pytest.raises(BadRequest, match="says its size again"):
        decode_image(small[:33] + large[8:], width=4, height=4)


@pytest.mark.parametrize(
    "marker", [b"\xff\xd0", b"\xff\xd7", b"\xff\x01", b"\xff\x00", b"\xff\xd8"]
)
def test_a_jpeg_may_not_hide_its_size_behind_a_marker_without_a_length(marker: bytes) -> None:
    """To one reader a size follows the marker, to another it is skipped as the marker's data."""
    small, large = (encoded(Image.new("L", (side, side)), "JPEG") for side in (8, 64))
    start_of_scan = large.index(b"\xff\xda")
    hidden = large[2:start_of_scan] + b"\xff\xfe"
    shown = small[2 : small.index(b"\xff\xda")] + b"\xff\xda\x00\x02"
    length = (len(shown) + 2).to_bytes(2, "big")
    skipped = (len(hidden) + 4).to_bytes(2, "big")
    data = b"\xff\xd8" + marker + skipped + hidden + length + shown + large[start_of_scan:]
    with pytest.raises(BadRequest, match="has no place in a header"):
        decode_image(data, width=4, height=4)


@pytest.mark.parametrize(
    ("kind", "reader"),
    [("JPEG", "read_jpeg"), ("PNG", "read_png_size"), ("WEBP", "read_webp_size")],
)
def test_what_pillow_reads_otherwise_is_not_decoded(
    kind: str, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = getattr(image_header, reader)(encoded(quarters(16, 8), kind))
    monkeypatch.setattr(image_header, reader, lambda _data: other)
    with pytest.raises(BadRequest, match="as 16 x 8 pixels and as 64 x 48"):
        decode_image(encoded(quarters(), kind), width=4, height=4)


def test_many_tiny_segments_are_refused_quickly() -> None:
    data = b"\xff\xd8" + b"\xff\xe1\x00\x08Exif\0\0" * 200_000
    with pytest.raises(BadRequest, match="more than 1000 segments"):
        decode_image(data, width=8, height=8)


def test_damage_anywhere_is_a_serving_error_or_an_image() -> None:
    rng = np.random.default_rng(1)
    originals = [encoded(quarters(), kind) for kind in ("JPEG", "PNG", "WEBP")]
    for round_ in range(600):
        data = bytearray(originals[round_ % 3])
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(3, len(data))] = rng.integers(256)
        try:
            pixels = decode_image(bytes(data), width=8, height=8)
        except (BadRequest, TooLarge):
            continue
        assert pixels.shape == (8, 8, 3)


def test_threads_do_not_disturb_each_other() -> None:
    data = [
        encoded(Image.new("RGB", (300, 200), (v, 0, 255 - v)), "JPEG") for v in range(0, 256, 5)
    ]
    alone = [decode_image(one, width=16, height=16) for one in data]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: decode_image(one, width=16, height=16), data * 4))
    for index, pixels in enumerate(together):
        np.testing.assert_array_equal(pixels, alone[index % len(data)])
