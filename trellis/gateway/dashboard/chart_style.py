"""How the dashboard's charts look, and what is left of pygal's SVG."""

import base64
import hashlib
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Scheme = Literal["light", "dark"]
Shape = Literal["wide", "narrow"]

_SIZES: dict[Shape, tuple[int, int]] = {"wide": (640, 270), "narrow": (400, 300)}
_LEGEND_COLUMNS: dict[Shape, int] = {"wide": 2, "narrow": 1}
_LEGEND_SIZE = 13
_MARGIN_BOTTOM = 12
#: Okabe and Ito's hues, which people of every colour vision tell apart, darkened for white paper
#: and lightened for black until each stands out 3:1.
_COLOURS: dict[Scheme, tuple[str, ...]] = {
    "light": (
        "#2d6a4f", "#b4540a", "#0b64a0", "#a8477f", "#7a6a00", "#3d7ea6", "#8a3324", "#555555",
    ),
    "dark": (
        "#7cc4a0", "#f0a860", "#6db7ec", "#e29cc6", "#e6d75a", "#9ad0ee", "#ef9a8a", "#bbbbbb",
    ),
}  # fmt: skip
_INK: dict[Scheme, tuple[str, str]] = {
    "light": ("#1d2521", "#56625b"),
    "dark": ("#e8ece9", "#a3afa8"),
}


class Look(NamedTuple):
    """For which paper a chart is drawn."""

    scheme: Scheme
    shape: Shape


class Drawn(NamedTuple):
    """An SVG document, and the narrowest policy under which it still looks right by itself."""

    svg: bytes
    policy: str


def chart_options(look: Look, places: list[int]) -> dict[str, Any]:
    """Pygal's options; ``places`` are those of the series among all, which give their colours."""
    from pygal.style import Style

    ink, soft = _INK[look.scheme]
    width, height = _SIZES[look.shape]
    palette = _COLOURS[look.scheme]
    columns = _LEGEND_COLUMNS[look.shape]
    # pygal keeps room for the whole rows of its legend only, and for one too few.
    forgotten = math.ceil(len(places) / columns) - len(places) // columns
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=ink,
        foreground_strong=ink,
        foreground_subtle=soft,
        guide_stroke_color=soft,
        major_guide_stroke_color=soft,
        guide_stroke_dasharray="1,5",
        major_guide_stroke_dasharray="1,5",
        opacity=".9",
        colors=tuple(palette[place % len(palette)] for place in places) or palette,
        font_family="system-ui, sans-serif",
        label_font_size=12,
        major_label_font_size=12,
        legend_font_size=_LEGEND_SIZE,
        no_data_font_size=18,
        transition="none",
        stroke_width=2,
    )
    return {
        "style": style,
        "width": width,
        "height": height,
        "js": (),
        "legend_at_bottom": True,
        "legend_at_bottom_columns": columns,
        "legend_box_size": 12,
        "truncate_legend": 34,
        "truncate_label": 30,
        "margin": 6,
        "margin_right": 32,
        "margin_bottom": _MARGIN_BOTTOM + round(1.5 * _LEGEND_SIZE * forgotten),
        "spacing": 8,
        "include_x_axis": True,
        "x_labels_major_count": 5 if look.shape == "wide" else 3,
        "no_data_text": "No requests yet",
        "min_scale": 3,
        "max_scale": 6,
    }


def finished(root: "Element", title: str) -> Drawn:
    """Without what only pygal's script would use, and with a policy for its one style sheet."""
    from pygal.etree import etree

    for parent in list(root.iter()):
        for child in list(parent):
            unwanted = child.tag in {"script", "desc"} or child.get("class") == "tooltip"
            if unwanted or not isinstance(child.tag, str):  # a comment's tag is a function
                parent.remove(child)
    for named in root.iter("title"):
        named.text = title
    sheets = [element.text or "" for element in root.iter("style")]
    hashes = " ".join(f"'sha256-{_digest(sheet)}'" for sheet in sheets)
    policy = f"default-src 'none'; style-src {hashes}; frame-ancestors 'none'; sandbox"
    return Drawn(etree.tostring(root), policy)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
