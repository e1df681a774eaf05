"""A bar picture of the rows: requests a second, on a logarithmic scale, as an SVG of plain shapes."""

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.results import Measured
from tests.bench.rows import Role

_COLOURS: dict[Role, str] = {
    "trellis": "#2f7d4f",
    "stock": "#b9503f",
    "careful": "#d99a3d",
    "limit": "#8a93a0",
}
_LEFT, _WIDTH, _BAR, _GAP = 250, 460, 16, 3
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'


def draw(rows: Sequence[Measured]) -> str:
    """The whole file."""
    rates = [window.rate for measured in rows for window in measured.windows.values()]
    low = 10 ** math.floor(math.log10(min(rates)))
    decades = math.log10(max(rates) / low)
    shapes: list[str] = []
    y = 14
    for measured in rows:
        y += 16
        shapes.append(_text(10, y, measured.row.title.replace("`", ""), bold=True))
        y += 8
        for contestant in measured.row.contestants:
            rate = measured.windows[contestant.title].rate
            length = max(2.0, _WIDTH * math.log10(rate / low) / decades)
            middle = y + _BAR - 4
            shapes.append(_text(_LEFT - 8, middle, contestant.title, anchor="end"))
            shapes.append(
                f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{_COLOURS[contestant.role]}"/>'
            )
            shown = f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.1f}/s"
            shapes.append(_text(_LEFT + length + 6, middle, shown))
            y += _BAR + _GAP
        y += 8
    shapes.append(_text(_LEFT, y + 14, f"logarithmic scale from {low:g}/s", colour="#666"))
    height = y + 28
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="820" height="{height}" viewBox="0 0 820 {height}" {_FONT}>\n'
        f'<rect width="820" height="{height}" fill="white"/>\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    bold: bool = False,
    colour: str = "#222",
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(words)}</text>'
