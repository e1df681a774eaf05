"""Numbers and sentences for people."""

import math

_LONGEST = 300


def clip(text: str, longest: int = _LONGEST) -> str:
    """The text on one line, cut where it is longer than ``longest`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def span(seconds: float) -> str:
    """A span of time with its two largest units, as ``2h10m``; under a minute in seconds.

    An infinite one is ``never``.
    """
    if math.isinf(seconds):
        return "never"
    whole = max(0, round(seconds))
    for size, unit, smaller, smaller_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size}{unit}" + (f"{rest}{smaller_unit}" if rest else "")
    return f"{whole}s"


def listed(names: tuple[str, ...]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
