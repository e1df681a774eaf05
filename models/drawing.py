"""Fields and brushes from which pictures are drawn, each a function of a random generator."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Field = NDArray[np.float32]
Colour = tuple[float, float, float]


def noise(rng: np.random.Generator, size: tuple[int, int], cells: int) -> Field:
    """Smooth noise, mean 0 and deviation about 1, with ``cells`` lumps across; [height, width]."""
    width, height = size
    coarse = rng.standard_normal((max(2, cells * height // width), max(2, cells))).astype(
        np.float32
    )
    fine = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(fine, dtype=np.float32) * np.float32(1.4)


def blend(rgb: Field, alpha: Field, colour: Colour | Field) -> None:
    """Paint ``colour`` over ``rgb`` [height, width, 3] where ``alpha`` [height, width] says, in place."""
    rgb += np.clip(alpha, 0, 1)[..., None] * (np.asarray(colour, dtype=np.float32) - rgb)


def soft(signed: Field, edge: float) -> Field:
    """1 where ``signed`` is above 0, 0 below, over a ramp of width ``edge``."""
    ramp: Field = np.clip(signed / np.float32(edge) + np.float32(0.5), 0, 1)
    return ramp


def jitter(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """A colour near this one."""
    red, green, blue = np.clip(np.array(colour) + rng.normal(0, spread, 3), 0, 255)
    return float(red), float(green), float(blue)


@dataclass(frozen=True)
class Photograph:
    """What a camera adds to a scene; the ranges are those of the draws."""

    brightness: tuple[float, float] = (0.75, 1.2)
    tint: float = 0.045
    blur: float = 0.9
    grain: float = 6.0
    quality: tuple[int, int] = (70, 93)

    def taken(self, rng: np.random.Generator, rgb: Field) -> bytes:
        """The scene [height, width, 3], 0 to 255, as a JPEG; blur grows with its width."""
        scale = float(np.sqrt(rgb.shape[1] / 160))
        exposed = rgb * np.float32(rng.uniform(*self.brightness))
        exposed = exposed * (1 + rng.normal(0, self.tint, 3)).astype(np.float32)
        grain = rng.normal(0, rng.uniform(1, self.grain), rgb.shape).astype(np.float32)
        image = Image.fromarray(np.clip(exposed + grain, 0, 255).astype(np.uint8))
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, self.blur) * scale))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(*self.quality)))
        return file.getvalue()
