"""Drawn tomato leaves: a healthy one and nine kinds of lesion.

They follow how each disease is described to growers (rings, halos, where on the leaf, how large),
so that the kinds really differ; they are drawings all the same, and a model of them knows nothing
of photographs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.drawing import Colour, Field, Photograph, blend, jitter, noise, soft

#: PlantVillage's ten tomato classes, as its folders are named after ``Tomato___``.
LABELS = (
    "Bacterial_spot",
    "Early_blight",
    "Late_blight",
    "Leaf_Mold",
    "Septoria_leaf_spot",
    "Spider_mites",
    "Target_Spot",
    "Yellow_Leaf_Curl_Virus",
    "Mosaic_virus",
    "healthy",
)

YELLOW: Colour = (205, 190, 70)
BROWN: Colour = (112, 74, 42)
DARK: Colour = (58, 40, 26)


@dataclass(frozen=True)
class Leaf:
    """A leaf's own coordinates at every pixel: ``along`` the midrib and ``across`` it, -1 to 1."""

    along: Field
    across: Field
    half_width: Field
    mask: Field
    #: 0 on the midrib, 1 at the margin.
    reach: Field

    def noise(self, rng: np.random.Generator, cells: int) -> Field:
        """Smooth noise over the picture; see ``models.drawing.noise``."""
        height, width = self.mask.shape
        return noise(rng, (width, height), cells)

    def spot(
        self, rng: np.random.Generator, at: tuple[float, float], radius: float, rough: Field
    ) -> Field:
        """Distance from a spot's centre in its radii: 1 on its rim, uneven by ``rough``."""
        squeeze = rng.uniform(0.8, 1.25)
        distance = np.hypot((self.along - at[0]) * squeeze, (self.across - at[1]) / squeeze)
        uneven = 1 + np.float32(0.16) * rough
        return np.asarray(distance / np.float32(radius) * uneven, dtype=np.float32)


def draw(rng: np.random.Generator, label: str, size: tuple[int, int] = (160, 120)) -> bytes:
    """One leaf with this label as a JPEG of ``size`` (width, height)."""
    curl = label == "Yellow_Leaf_Curl_Virus"
    wavy = label == "Mosaic_virus"
    rgb = _ground(rng, size)
    leaf = _leaf(rng, size, curl=curl, wavy=wavy)
    surface = _surface(rng, leaf)
    lesion = LESIONS.get(label)
    if lesion is not None:
        lesion(rng, leaf, surface)
    _accidents(rng, leaf, surface)
    shadow = np.roll(leaf.mask, (size[1] // 30, size[0] // 40), axis=(0, 1))
    blend(rgb, shadow * np.float32(0.45), (25, 22, 18))
    blend(rgb, leaf.mask, surface)
    light = 1 + np.float32(0.13) * noise(rng, size, 2)
    return Photograph().taken(rng, rgb * light[..., None])


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> Field:
    """A table, soil or cloth below the leaf."""
    base = [(150, 148, 150), (120, 96, 72), (188, 184, 174), (92, 92, 100)][rng.integers(4)]
    rgb = np.empty((size[1], size[0], 3), dtype=np.float32)
    rgb[:] = jitter(rng, base, 12)
    rgb += (noise(rng, size, 40) * 7 + noise(rng, size, 5) * 6)[..., None]
    return rgb


def _leaf(rng: np.random.Generator, size: tuple[int, int], *, curl: bool, wavy: bool) -> Leaf:
    width, height = size
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    half = width * rng.uniform(0.33, 0.46) * (0.85 if curl else 1.0)
    angle = rng.uniform(0, 2 * np.pi)
    dx = (xs - width / 2 - rng.normal(0, width * 0.03)) / half
    dy = (ys - height / 2 - rng.normal(0, height * 0.03)) / half
    along = (dx * np.cos(angle) + dy * np.sin(angle)).astype(np.float32)
    across = (dy * np.cos(angle) - dx * np.sin(angle)).astype(np.float32)
    bend = rng.normal(0, 0.22 if curl else 0.1)
    across = across - np.float32(bend) * (1 - along**2)
    breadth = rng.uniform(0.3, 0.42) if curl else rng.uniform(0.42, 0.62)
    inside = np.clip(1 - along**2, 0, None)
    outline = (
        breadth * inside ** np.float32(rng.uniform(0.6, 0.85)) * (1 - np.float32(0.25) * along)
    )
    teeth = rng.integers(5, 9)
    outline = outline * (1 + np.float32(0.09) * np.sin(along * teeth * 3 + rng.uniform(0, 6)))
    if wavy:
        outline = outline * (
            1 + np.float32(0.14) * np.sin(along * rng.uniform(9, 14) + rng.uniform(0, 6))
        )
    half_width: Field = outline.astype(np.float32)
    mask = soft(half_width - np.abs(across), 2.5 / half)
    mask *= along**2 < 1
    stalk = (along > -1.35) & (along < -0.9) & (np.abs(across) < 0.035)
    mask = np.maximum(mask, stalk.astype(np.float32))
    reach = np.clip(np.abs(across) / np.maximum(half_width, 1e-3), 0, 1)
    return Leaf(along, across, half_width, mask, reach)


def _surface(rng: np.random.Generator, leaf: Leaf) -> Field:
    """Green, with shading and veins."""
    green = jitter(rng, (68, 118, 48), 14)
    rgb = np.empty((*leaf.mask.shape, 3), dtype=np.float32)
    rgb[:] = green
    rgb *= (1 + np.float32(0.07) * leaf.noise(rng, 7) + np.float32(0.05) * leaf.noise(rng, 30))[
        ..., None
    ]
    phase = leaf.along * 4.5 - np.abs(leaf.across) * 3.2 + np.float32(rng.uniform(0, 1))
    side = np.abs(np.mod(phase, 1) - np.float32(0.5)).astype(np.float32)
    veins = np.maximum(
        soft(np.float32(0.018) - np.abs(leaf.across), 0.02),
        soft(np.float32(0.045) - side, 0.05) * np.float32(0.5),
    )
    blend(rgb, veins * np.float32(rng.uniform(0.35, 0.7)), (138, 168, 96))
    rgb *= (1 - np.float32(0.25) * leaf.reach**3)[..., None]
    return rgb


def _accidents(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    """Dust, a bite, a glint: what any leaf may have, so that a lone mark means nothing."""
    rough = leaf.noise(rng, 20)
    for _ in range(rng.integers(0, 5)):
        speck = leaf.spot(rng, _place(rng), rng.uniform(0.012, 0.03), rough)
        blend(rgb, soft(1 - speck, 0.5) * np.float32(0.7), jitter(rng, (95, 80, 60), 20))
    if rng.random() < 0.35:
        glint = leaf.spot(rng, _place(rng), rng.uniform(0.12, 0.3), rough)
        blend(rgb, np.exp(-(glint**2)) * np.float32(rng.uniform(0.2, 0.5)), (235, 240, 230))
    if rng.random() < 0.3:  # ageing, from the tip
        blend(rgb, soft(leaf.along - rng.uniform(0.5, 0.85), 0.5) * np.float32(0.4), YELLOW)


def _place(rng: np.random.Generator, spread: float = 0.8) -> tuple[float, float]:
    along = rng.uniform(-spread, spread)
    across = rng.uniform(-1, 1) * 0.42 * (1 - along**2)
    return float(along), float(across)


def _bacterial_spot(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    rough = leaf.noise(rng, 28)
    for _ in range(rng.integers(10, 42)):
        spot = leaf.spot(rng, _place(rng, 0.9), rng.uniform(0.022, 0.045), rough)
        blend(rgb, soft(1.9 - spot, 0.8) * np.float32(0.4), YELLOW)
        blend(rgb, soft(1 - spot, 0.4), jitter(rng, DARK, 10))


def _early_blight(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    rough = leaf.noise(rng, 12)
    for _ in range(rng.integers(1, 5)):
        spot = leaf.spot(rng, _place(rng), rng.uniform(0.13, 0.24), rough)
        blend(rgb, soft(1.7 - spot, 0.9) * np.float32(rng.uniform(0.4, 0.75)), YELLOW)
        blend(rgb, soft(1 - spot, 0.2), jitter(rng, BROWN, 8))
        rings = np.cos(spot * np.float32(rng.uniform(16, 22))) > 0.25
        blend(rgb, soft(0.95 - spot, 0.2) * rings * np.float32(0.65), DARK)


def _late_blight(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    rough = leaf.noise(rng, 9)
    for _ in range(rng.integers(1, 3)):
        along = rng.uniform(-0.7, 0.9)
        at = (float(along), float(rng.choice([-1, 1]) * 0.45 * (1 - along**2)))
        patch = leaf.spot(rng, at, rng.uniform(0.26, 0.5), rough * np.float32(1.8))
        blend(rgb, soft(1.25 - patch, 0.25) * np.float32(0.6), jitter(rng, (158, 168, 130), 10))
        blend(rgb, soft(1 - patch, 0.2) * np.float32(0.92), jitter(rng, (74, 66, 50), 8))
        blend(
            rgb,
            soft(0.8 - patch, 0.5) * soft(leaf.noise(rng, 22), 1.0) * np.float32(0.35),
            (38, 34, 30),
        )


def _leaf_mold(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    rough = leaf.noise(rng, 8)
    for _ in range(rng.integers(3, 8)):
        patch = leaf.spot(rng, _place(rng), rng.uniform(0.13, 0.26), rough)
        blend(
            rgb,
            np.exp(-(patch**2)) * np.float32(rng.uniform(0.6, 0.9)),
            jitter(rng, (192, 184, 88), 8),
        )
        felt = np.exp(-((patch * 1.9) ** 2)) * soft(leaf.noise(rng, 34), 1.5)
        blend(rgb, felt * np.float32(0.6), jitter(rng, (128, 112, 62), 8))


def _septoria(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    rough = leaf.noise(rng, 24)
    for _ in range(rng.integers(7, 24)):
        spot = leaf.spot(rng, _place(rng, 0.9), rng.uniform(0.038, 0.068), rough * np.float32(0.6))
        blend(rgb, soft(1 - spot, 0.3), jitter(rng, DARK, 8))
        blend(rgb, soft(0.62 - spot, 0.3), jitter(rng, (196, 188, 168), 8))


def _spider_mites(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    density = soft(leaf.noise(rng, 4) + np.float32(rng.uniform(0.1, 0.9)), 1.4)
    dots = soft(leaf.noise(rng, 62) - np.float32(rng.uniform(0.5, 0.9)), 0.6)
    blend(rgb, density * np.float32(rng.uniform(0.1, 0.35)), jitter(rng, (150, 140, 74), 8))
    blend(
        rgb, density * dots * np.float32(rng.uniform(0.55, 0.95)), jitter(rng, (222, 218, 160), 8)
    )


def _target_spot(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    rough = leaf.noise(rng, 18)
    for _ in range(rng.integers(3, 10)):
        spot = leaf.spot(rng, _place(rng), rng.uniform(0.07, 0.125), rough * np.float32(0.7))
        blend(rgb, soft(1 - spot, 0.25), jitter(rng, (166, 124, 78), 8))
        rim = np.exp(-(((spot - 0.85) / 0.16) ** 2))
        blend(rgb, rim * np.float32(0.85), jitter(rng, (82, 54, 34), 8))
        blend(rgb, soft(0.25 - spot, 0.2) * np.float32(0.8), DARK)


def _yellow_curl(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    margin = leaf.reach ** np.float32(rng.uniform(0.8, 1.8))
    blend(rgb, margin * np.float32(rng.uniform(0.55, 0.95)), jitter(rng, (210, 200, 72), 8))
    crease = np.sin(leaf.along * rng.uniform(14, 22) + rng.uniform(0, 6)) * leaf.reach
    rgb *= (1 + np.float32(0.16) * crease)[..., None]


def _mosaic(rng: np.random.Generator, leaf: Leaf, rgb: Field) -> None:
    patches = leaf.noise(rng, int(rng.integers(10, 17)))
    blend(
        rgb,
        soft(patches - 0.1, 0.7) * np.float32(rng.uniform(0.45, 0.85)),
        jitter(rng, (164, 186, 84), 8),
    )
    blend(rgb, soft(-patches - 0.6, 0.7) * np.float32(0.5), (36, 78, 34))


LESIONS: dict[str, Callable[[np.random.Generator, Leaf, Field], None]] = {
    "Bacterial_spot": _bacterial_spot,
    "Early_blight": _early_blight,
    "Late_blight": _late_blight,
    "Leaf_Mold": _leaf_mold,
    "Septoria_leaf_spot": _septoria,
    "Spider_mites": _spider_mites,
    "Target_Spot": _target_spot,
    "Yellow_Leaf_Curl_Virus": _yellow_curl,
    "Mosaic_virus": _mosaic,
}
