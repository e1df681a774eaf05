"""Drawn pictures of CIFAR-10's ten things: outlines of animals and vehicles in simple scenes.

Every picture has its own pose, colours, size, light and background; a model of them knows
nothing of photographs.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from models.drawing import Photograph, jitter, noise

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

Point = tuple[float, float]
Paint = tuple[int, int, int]
_SKY: tuple[Paint, ...] = ((150, 190, 230), (200, 210, 220), (120, 150, 190), (235, 190, 150))
_GRASS: tuple[Paint, ...] = ((96, 140, 70), (150, 150, 84), (120, 110, 70), (190, 180, 150))
_ROAD: tuple[Paint, ...] = ((110, 110, 112), (140, 132, 120), (84, 84, 90))
_SEA: tuple[Paint, ...] = ((60, 100, 140), (50, 120, 130), (90, 110, 130))
_PAINTWORK: tuple[Paint, ...] = (
    (190, 40, 40),
    (40, 70, 160),
    (230, 230, 228),
    (40, 44, 48),
    (220, 180, 50),
    (60, 120, 80),
)
_FUR: tuple[Paint, ...] = (
    (60, 50, 44),
    (150, 110, 70),
    (200, 180, 150),
    (120, 116, 112),
    (230, 226, 220),
)


class Brush:
    """Draws in a thing's own coordinates: it faces right, stands on y = 1 and is about 2 wide.

    Parameters: ``middle``, where its origin lies in pixels; ``scale``, pixels a unit; ``lean``,
    radians; ``facing``, -1 to mirror it.
    """

    def __init__(
        self, image: Image.Image, middle: Point, scale: float, lean: float, facing: int
    ) -> None:
        self._draw = ImageDraw.Draw(image)
        self._middle = middle
        self._scale = scale
        self._cos, self._sin = float(np.cos(lean)), float(np.sin(lean))
        self._facing = facing

    def at(self, point: Point) -> Point:
        """The pixel of a point."""
        x, y = point[0] * self._facing, point[1]
        return (
            self._middle[0] + self._scale * (x * self._cos - y * self._sin),
            self._middle[1] + self._scale * (x * self._sin + y * self._cos),
        )

    def shape(self, points: list[Point], paint: Paint) -> None:
        """A filled polygon."""
        self._draw.polygon([self.at(point) for point in points], fill=paint)

    def line(self, points: list[Point], thick: float, paint: Paint) -> None:
        """A stroke ``thick`` units wide, with round joints."""
        width = max(1, round(thick * self._scale))
        self._draw.line(
            [self.at(point) for point in points], fill=paint, width=width, joint="curve"
        )

    def oval(
        self, middle: Point, across: float, down: float, paint: Paint, turn: float = 0.0
    ) -> None:
        """An ellipse with these half axes, turned by ``turn`` radians."""
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        xs, ys = across * np.cos(angles), down * np.sin(angles)
        cos, sin = np.cos(turn), np.sin(turn)
        self.shape(
            [
                (middle[0] + float(x * cos - y * sin), middle[1] + float(x * sin + y * cos))
                for x, y in zip(xs, ys, strict=True)
            ],
            paint,
        )

    def box(self, left: float, top: float, right: float, bottom: float, paint: Paint) -> None:
        """A rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], paint)


def draw(rng: np.random.Generator, label: str, size: tuple[int, int] = (96, 96)) -> bytes:
    """One picture of this thing as a JPEG of ``size`` (width, height)."""
    width, height = size
    scene = _background(rng, label, size)
    scale = min(size) * rng.uniform(0.27, 0.42)
    middle = (width * rng.uniform(0.4, 0.6), height * rng.uniform(0.45, 0.6))
    lean = rng.normal(0, 0.3 if label in ("airplane", "bird") else 0.06)
    brush = Brush(scene, middle, scale, lean, int(rng.choice([-1, 1])))
    THINGS[label](rng, brush)
    rgb = np.asarray(scene, dtype=np.float32)
    light = 1 + np.float32(0.12) * noise(rng, size, 3) + np.float32(0.05) * noise(rng, size, 24)
    return Photograph(blur=1.3, grain=14).taken(rng, rgb * light[..., None])


def _background(rng: np.random.Generator, label: str, size: tuple[int, int]) -> Image.Image:
    """A sky and a ground that suit the thing most of the time, so that neither decides."""
    width, height = size
    ground = {"ship": _SEA, "automobile": _ROAD, "truck": _ROAD}.get(label, _GRASS)
    if rng.random() < 0.25:
        ground = [_SEA, _ROAD, _GRASS][rng.integers(3)]
    scene = Image.new("RGB", size, _near(rng, _one(rng, _SKY), 16))
    horizon = height * rng.uniform(0.45, 0.8)
    if label in ("airplane", "bird") and rng.random() < 0.6:
        horizon = height * rng.uniform(0.85, 1.1)
    pencil = ImageDraw.Draw(scene)
    pencil.rectangle((0, horizon, width, height * 2), fill=_near(rng, _one(rng, ground), 16))
    for _ in range(rng.integers(0, 4)):  # clouds, bushes, whatever stands about
        x, y = rng.uniform(0, width), horizon + rng.normal(0, height * 0.15)
        across, down = rng.uniform(0.04, 0.16) * width, rng.uniform(0.03, 0.1) * height
        pencil.ellipse(
            (x - across, y - down, x + across, y + down),
            fill=_near(rng, _one(rng, _GRASS + _SKY), 25),
        )
    return scene


def _one(rng: np.random.Generator, paints: tuple[Paint, ...]) -> Paint:
    return paints[rng.integers(len(paints))]


def _near(rng: np.random.Generator, paint: Paint, spread: float) -> Paint:
    red, green, blue = jitter(rng, paint, spread)
    return int(red), int(green), int(blue)


def _darker(paint: Paint, share: float = 0.7) -> Paint:
    return int(paint[0] * share), int(paint[1] * share), int(paint[2] * share)


def _airplane(rng: np.random.Generator, brush: Brush) -> None:
    body = _near(rng, _one(rng, ((230, 230, 232), (190, 196, 204), (90, 96, 110))), 10)
    brush.shape([(-0.15, 0.05), (0.2, 0.05), (-0.35, -0.75), (-0.55, -0.75)], _darker(body, 0.8))
    brush.oval((0, 0), 1.05, 0.15, body)
    brush.shape(
        [(-1, 0), (-0.75, -0.05), (-1.0, -0.48), (-1.18, -0.48)],
        _near(rng, _one(rng, _PAINTWORK), 10),
    )
    brush.shape([(-0.15, 0.05), (0.25, 0.08), (-0.3, 0.8), (-0.52, 0.78)], _darker(body, 0.9))
    for x in np.linspace(-0.5, 0.7, rng.integers(4, 8)):
        brush.oval((float(x), -0.04), 0.035, 0.035, (60, 70, 90))


def _automobile(rng: np.random.Generator, brush: Brush) -> None:
    paint = _near(rng, _one(rng, _PAINTWORK), 12)
    roof = rng.uniform(-0.5, -0.3)
    brush.shape([(-0.62, 0.08), (-0.38, roof), (0.28, roof), (0.6, 0.08)], paint)
    brush.shape(
        [(-0.5, 0.06), (-0.33, roof + 0.09), (-0.04, roof + 0.09), (-0.04, 0.06)], (70, 90, 110)
    )
    brush.shape(
        [(0.03, 0.06), (0.03, roof + 0.09), (0.24, roof + 0.09), (0.46, 0.06)], (70, 90, 110)
    )
    brush.shape(
        [(-1.05, 0.1), (-0.6, 0.05), (0.62, 0.05), (1.05, 0.18), (1.08, 0.5), (-1.05, 0.5)], paint
    )
    brush.box(0.96, 0.2, 1.06, 0.3, (250, 240, 180))
    _wheels(brush, (-0.62, 0.62), 0.5, rng.uniform(0.2, 0.25))


def _truck(rng: np.random.Generator, brush: Brush) -> None:
    cab = _near(rng, _one(rng, _PAINTWORK), 12)
    load = _near(rng, _one(rng, (*_PAINTWORK, (200, 196, 188), (160, 120, 80))), 12)
    top = rng.uniform(-0.8, -0.5)
    brush.box(-1.1, top, 0.42, 0.4, load)
    for x in np.linspace(-0.85, 0.2, 4):
        brush.line([(float(x), top + 0.05), (float(x), 0.36)], 0.03, _darker(load, 0.85))
    brush.shape([(0.48, -0.32), (0.86, -0.32), (1.08, 0.02), (1.1, 0.42), (0.48, 0.42)], cab)
    brush.shape([(0.62, -0.24), (0.83, -0.24), (0.98, 0.02), (0.62, 0.02)], (70, 90, 110))
    brush.box(-1.1, 0.38, 1.1, 0.5, (50, 50, 54))
    _wheels(brush, (-0.82, -0.4, 0.76), 0.54, 0.19)


def _wheels(brush: Brush, places: tuple[float, ...], y: float, radius: float) -> None:
    for x in places:
        brush.oval((x, y), radius, radius, (28, 28, 30))
        brush.oval((x, y), radius * 0.45, radius * 0.45, (150, 150, 154))


def _ship(rng: np.random.Generator, brush: Brush) -> None:
    hull = _near(rng, _one(rng, _PAINTWORK), 12)
    brush.box(-0.6, -0.22, 0.45, 0.08, (232, 230, 224))
    brush.box(-0.4, -0.44, 0.15, -0.2, (214, 212, 206))
    brush.box(-0.25, -0.8, -0.03, -0.42, _near(rng, _one(rng, _PAINTWORK), 12))
    brush.line([(0.62, 0.05), (0.62, -0.7)], 0.04, (60, 56, 50))
    brush.shape([(-1.05, 0.05), (1.2, 0.0), (0.9, 0.5), (-0.85, 0.5)], hull)
    brush.line([(-0.95, 0.34), (1.0, 0.34)], 0.06, _darker(hull, 0.6))
    brush.line([(-1.5, 0.52), (1.5, 0.52)], 0.07, (225, 235, 240))


def _legs(
    brush: Brush, places: tuple[float, ...], top: float, bottom: float, thick: float, paint: Paint
) -> None:
    for index, x in enumerate(places):
        step = 0.06 * (-1) ** index
        brush.line(
            [(x, top), (x + step, (top + bottom) / 2), (x, bottom)],
            thick,
            paint if index % 2 else _darker(paint, 0.8),
        )


def _horse(rng: np.random.Generator, brush: Brush) -> None:
    coat = _near(rng, _one(rng, ((110, 70, 44), (60, 46, 40), (160, 120, 80), (200, 196, 190))), 12)
    mane = _darker(coat, 0.45)
    drop = rng.uniform(-0.1, 0.25)
    brush.line([(-0.72, -0.2), (-0.95, 0.1), (-0.92, 0.55)], 0.14, mane)
    _legs(brush, (-0.58, -0.42, 0.4, 0.56), 0.05, 1.0, 0.13, coat)
    brush.oval((0, -0.08), 0.72, 0.32, coat)
    brush.shape([(0.4, -0.3), (0.7, 0.05), (0.98, -0.6 + drop), (0.72, -0.85 + drop)], coat)
    brush.shape(
        [
            (0.72, -0.88 + drop),
            (1.02, -0.72 + drop),
            (1.3, -0.38 + drop),
            (1.18, -0.28 + drop),
            (0.84, -0.5 + drop),
        ],
        coat,
    )
    brush.shape([(0.78, -0.86 + drop), (0.82, -1.02 + drop), (0.9, -0.84 + drop)], coat)
    brush.line([(0.4, -0.32), (0.56, -0.6 + drop), (0.74, -0.9 + drop)], 0.15, mane)


def _deer(rng: np.random.Generator, brush: Brush) -> None:
    coat = _near(rng, (168, 118, 70), 16)
    _legs(brush, (-0.5, -0.38, 0.36, 0.48), 0.05, 1.0, 0.075, coat)
    brush.oval((0, -0.05), 0.6, 0.26, coat)
    brush.oval((-0.6, -0.12), 0.12, 0.09, (235, 230, 220))
    brush.shape([(0.34, -0.2), (0.58, 0.0), (0.74, -0.56), (0.58, -0.62)], coat)
    brush.oval((0.78, -0.62), 0.22, 0.12, coat, 0.35)
    brush.oval((0.5, -0.74), 0.13, 0.05, _darker(coat), -0.5)
    horn = _darker(coat, 0.5)
    for tilt in (-0.28, 0.16):
        tip = (0.66 + tilt, -1.2 + rng.normal(0, 0.04))
        brush.line([(0.66, -0.7), (0.66 + tilt * 0.6, -0.95), tip], 0.06, horn)
        brush.line([(0.66 + tilt * 0.6, -0.95), (0.66 + tilt * 0.6 + 0.18, -1.1)], 0.05, horn)
    for _ in range(rng.integers(0, 8)):
        brush.oval((rng.uniform(-0.4, 0.35), rng.uniform(-0.2, 0.05)), 0.03, 0.03, (225, 205, 170))


def _dog(rng: np.random.Generator, brush: Brush) -> None:
    fur = _near(rng, _one(rng, _FUR), 14)
    ear = _darker(fur, 0.55)
    brush.line([(-0.62, -0.05), (-0.85, -0.4), (-0.8, -0.6)], 0.1, fur)
    _legs(brush, (-0.5, -0.36, 0.28, 0.42), 0.15, 0.85, 0.14, fur)
    brush.oval((-0.05, 0.08), 0.62, 0.27, fur)
    brush.oval((0.55, -0.32), 0.3, 0.28, fur)
    brush.oval((0.84, -0.22), 0.2, 0.12, _darker(fur, 0.9))
    brush.oval((1.0, -0.26), 0.06, 0.06, (20, 20, 20))
    brush.oval((0.4, -0.22), 0.11, 0.27, ear, 0.15)
    brush.oval((0.66, -0.4), 0.04, 0.04, (20, 20, 20))
    if rng.random() < 0.5:
        brush.oval((0.86, -0.06), 0.06, 0.1, (220, 110, 120))


def _cat(rng: np.random.Generator, brush: Brush) -> None:
    fur = _near(rng, _one(rng, (*_FUR, (210, 140, 70))), 14)
    dark = _darker(fur, 0.6)
    brush.line([(-0.45, 0.75), (-0.95, 0.6), (-0.9, 0.05), (-0.75, -0.1)], 0.11, fur)
    brush.oval((-0.05, 0.4), 0.45, 0.55, fur)
    for y in (0.15, 0.35, 0.55):
        brush.line([(-0.42, y), (-0.12, y + 0.05)], 0.05, dark)
    for side in (-1, 1):
        x = 0.1 + 0.26 * side
        brush.shape([(x - 0.13, -0.5), (x + 0.05 * side, -0.95), (x + 0.14, -0.45)], fur)
    brush.oval((0.1, -0.32), 0.42, 0.36, fur)
    eyes = _near(rng, _one(rng, ((190, 200, 70), (110, 180, 110), (220, 170, 60))), 10)
    for side in (-1, 1):
        brush.oval((0.1 + 0.17 * side, -0.38), 0.09, 0.08, eyes)
        brush.oval((0.1 + 0.17 * side, -0.38), 0.03, 0.07, (16, 16, 16))
        brush.line([(0.1 + 0.1 * side, -0.16), (0.1 + 0.6 * side, -0.22)], 0.025, (240, 240, 240))
        brush.line([(0.05 + 0.14 * side, 0.5), (0.05 + 0.16 * side, 0.92)], 0.15, fur)
    brush.oval((0.1, -0.2), 0.05, 0.04, (200, 120, 120))


def _frog(rng: np.random.Generator, brush: Brush) -> None:
    skin = _near(rng, _one(rng, ((90, 150, 50), (70, 120, 60), (140, 140, 60), (110, 100, 60))), 14)
    dark = _darker(skin)
    brush.oval((-0.62, 0.55), 0.42, 0.2, dark, -0.4)
    brush.line([(-0.5, 0.7), (-0.95, 0.85)], 0.12, dark)
    brush.oval((0, 0.38), 0.78, 0.42, skin)
    brush.oval((0.08, 0.58), 0.6, 0.2, (214, 214, 160))
    brush.line([(0.5, 0.55), (0.66, 0.85), (0.86, 0.86)], 0.12, skin)
    for x in (0.18, 0.6):
        brush.oval((x, -0.02), 0.17, 0.17, skin)
        brush.oval((x, -0.04), 0.11, 0.11, (230, 210, 90))
        brush.oval((x + 0.02, -0.04), 0.06, 0.05, (16, 16, 16))
    brush.line([(0.2, 0.32), (0.5, 0.36), (0.74, 0.26)], 0.03, _darker(skin, 0.4))
    for _ in range(rng.integers(0, 9)):
        brush.oval((rng.uniform(-0.6, 0.3), rng.uniform(0.12, 0.4)), 0.05, 0.04, dark)


def _bird(rng: np.random.Generator, brush: Brush) -> None:
    feathers = _near(
        rng,
        _one(rng, ((180, 60, 50), (60, 90, 150), (90, 80, 70), (210, 190, 90), (60, 60, 64))),
        14,
    )
    wing = _darker(feathers, 0.7)
    brush.shape([(-0.5, 0.02), (-1.15, 0.2), (-1.1, -0.08)], wing)
    if rng.random() < 0.5:  # in the air
        lift = rng.uniform(0.6, 1.0)
        brush.shape([(-0.3, -0.1), (0.2, -0.12), (-0.05, -lift), (-0.45, -lift)], wing)
        brush.shape(
            [(-0.25, 0.1), (0.15, 0.12), (-0.2, lift * 0.7), (-0.5, lift * 0.65)],
            _darker(feathers, 0.55),
        )
        brush.oval((0, 0), 0.6, 0.22, feathers)
    else:
        brush.line([(0.0, 0.2), (0.04, 0.75)], 0.04, (190, 130, 60))
        brush.line([(0.14, 0.2), (0.2, 0.75)], 0.04, (190, 130, 60))
        brush.line([(-1.2, 0.78), (1.2, 0.74)], 0.09, (96, 72, 50))
        brush.oval((0, 0), 0.58, 0.32, feathers, 0.25)
        brush.oval((-0.12, 0.0), 0.4, 0.18, wing, 0.35)
    brush.oval((0.55, -0.24), 0.22, 0.2, feathers)
    brush.shape([(0.72, -0.3), (1.06, -0.2), (0.72, -0.14)], (232, 170, 50))
    brush.oval((0.6, -0.29), 0.04, 0.04, (16, 16, 16))


THINGS: dict[str, Callable[[np.random.Generator, Brush], None]] = {
    "airplane": _airplane,
    "automobile": _automobile,
    "bird": _bird,
    "cat": _cat,
    "deer": _deer,
    "dog": _dog,
    "frog": _frog,
    "horse": _horse,
    "ship": _ship,
    "truck": _truck,
}
