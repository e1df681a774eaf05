"""JPEG, PNG and WebP to pixels: the one decoder, in training and in serving.

Pillow is asked for the three plugins by name. ``Image.open`` would try every format it knows,
and it warns of a large image where this refuses one.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from trellis.serving.codecs import image_header
from trellis.serving.codecs.image_header import BrokenHeaderError
from trellis.serving.errors import BadRequest, TooLarge, WrongMediaType

#: What Pillow raises on damaged data, over all three plugins; a plugin reads past the end of
#: its buffer as an ``IndexError``.
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
    Warning,
)

#: Stored pixels to upright ones, by EXIF orientation.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset({5, 6, 7, 8})


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """``pixels``: the most that an image's header may claim; 25 megapixels is a good camera."""

    pixels: int = 25_000_000


DEFAULT_LIMITS = ImageLimits()


def decode_image(
    data: bytes, *, width: int, height: int, limits: ImageLimits = DEFAULT_LIMITS
) -> NDArray[np.uint8]:
    """An image file to RGB pixels, upright, opaque, stretched to the size asked for.

    Transparency is laid on white; grey, palette, CMYK and 16-bit images become 8-bit RGB.

    Returns uint8 [height, width, 3]. Safe in many threads at once: Pillow releases the
    interpreter while it decodes. Raises ``WrongMediaType`` for anything but JPEG, PNG and WebP,
    ``TooLarge`` for more pixels than ``limits`` before any is decoded, and ``BadRequest`` for
    a truncated or damaged file.
    """
    if not data:
        raise BadRequest("the image is empty: 0 bytes came, a JPEG, PNG or WebP image was expected")
    kind = image_header.image_format(data)
    if kind is None:
        raise WrongMediaType(f"not a JPEG, PNG or WebP image: it starts with {_start(data)}")
    try:
        image, orientation = _OPENERS[kind](data, (width, height), limits)
        small = _resized(image, orientation, (width, height))
    except BrokenHeaderError as error:
        raise BadRequest(f"truncated or damaged {kind} image: {error}") from error
    except _DAMAGED as error:
        raise BadRequest(f"truncated or damaged {kind} image ({len(data)} bytes)") from error
    return np.asarray(small)


def _open_jpeg(data: bytes, size: tuple[int, int], limits: ImageLimits) -> tuple[Image.Image, int]:
    header = image_header.read_jpeg(data)
    _check_size(header.size, limits)
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(_without(data, header.exif_segments)))
    _check_same(image, header.size)
    # The decoder itself scales by a power of two, at a fraction of the cost of a full decode.
    image.draft("RGB", size[::-1] if header.orientation in _SIDEWAYS else size)
    return image, header.orientation


def _without(data: bytes, segments: tuple[tuple[int, int], ...]) -> bytes:
    """The file less its EXIF, in which Pillow would look for a resolution, with warnings."""
    if not segments:
        return data
    starts = [0, *(end for _, end in segments)]
    ends = [*(start for start, _ in segments), len(data)]
    return b"".join(data[start:end] for start, end in zip(starts, ends, strict=True))


def _open_png(data: bytes, _size: tuple[int, int], limits: ImageLimits) -> tuple[Image.Image, int]:
    size = image_header.read_png_size(data)
    _check_size(size, limits)
    image = PngImagePlugin.PngImageFile(io.BytesIO(data))
    _check_same(image, size)
    return image, image_header.exif_orientation(image.info.get("exif", b""))


def _open_webp(data: bytes, _size: tuple[int, int], limits: ImageLimits) -> tuple[Image.Image, int]:
    size = image_header.read_webp_size(data)
    _check_size(size, limits)
    image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    _check_same(image, size)
    return image, image_header.exif_orientation(image.info.get("exif", b""))


_Opener = Callable[[bytes, tuple[int, int], ImageLimits], tuple[Image.Image, int]]
_OPENERS: dict[image_header.ImageFormat, _Opener] = {
    "JPEG": _open_jpeg,
    "PNG": _open_png,
    "WebP": _open_webp,
}


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width == 0 or height == 0:
        raise BrokenHeaderError(f"it says that it is {width} x {height} pixels")
    if width * height > limits.pixels:
        raise TooLarge(
            f"the image is {width} x {height} = {width * height:,} pixels; "
            f"at most {limits.pixels:,} are accepted"
        )


def _check_same(image: Image.Image, size: tuple[int, int]) -> None:
    """Pillow takes memory for what it has read itself, so it must have read what was checked."""
    if image.size != size:
        raise BrokenHeaderError(
            f"its header can be read as {size[0]} x {size[1]} pixels "
            f"and as {image.width} x {image.height}"
        )


def _resized(image: Image.Image, orientation: int, size: tuple[int, int]) -> Image.Image:
    """Decode, stretch to ``size`` and put upright; in this order, so that work is on few pixels."""
    image.load()
    colour = _eight_bit_colour(image)
    stored = size[::-1] if orientation in _SIDEWAYS else size
    small = colour.resize(stored, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if small.mode == "RGBA":  # Pillow resizes it premultiplied, so edges do not bleed
        white = Image.new("RGBA", small.size, "white")
        small = Image.alpha_composite(white, small).convert("RGB")
    method = _UPRIGHT.get(orientation)
    return small if method is None else small.transpose(method)


def _eight_bit_colour(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where any pixel may be transparent."""
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips instead of scaling
        grey = np.asarray(image, dtype=np.uint16) >> 8
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def _start(data: bytes) -> str:
    """The first bytes as a person can read them, safe in a JSON string."""
    known = {
        b"GIF8": "a GIF",
        b"BM": "a BMP",
        b"%PDF": "a PDF",
        b"II*\0": "a TIFF",
        b"MM\0*": "a TIFF",
    }
    for magic, name in known.items():
        if data.startswith(magic):
            return name
    return f"{data[:12]!r}"[1:]
