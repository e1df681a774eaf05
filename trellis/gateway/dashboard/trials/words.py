"""Numbers of the evidence as a person reads them. Pure."""

import math
from collections.abc import Callable

from trellis.contracts.rollout_status import Tally

NONE = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def written(kind: str, value: float | None) -> str:
    """A ratio with its sign, a share as percent, seconds with their unit; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    match kind:
        case "ratio":
            return f"{value:.3g}{TIMES}"
        case "share":
            return percent(value)
        case "seconds":
            return f"{1000 * value:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
        case _:
            return f"{value:.3g}"


def interval(kind: str, ends: tuple[float, float] | None) -> str:
    """Both ends."""
    return NONE if ends is None else f"{written(kind, ends[0])} to {written(kind, ends[1])}"


def percent(part: float | None) -> str:
    """A share with as many digits as tell it from 0: ``3.5 %``, ``0.013 %``."""
    if part is None:
        return NONE
    return f"{float(f'{100 * part:.2g}') if abs(part) < 0.1 else round(100 * part, 1):g} %"


def e_value(log_e: float) -> str:
    """Two digits, from a million on as a power of ten; any size."""
    if log_e < math.log(1e6):
        return f"{float(f'{math.exp(log_e):.2g}'):g}"
    return f"10^{log_e / math.log(10):.0f}"


def tally(of: Tally) -> str:
    """``12 of 340 (3.5 %)``."""
    if not of.total:
        return NONE
    return f"{of.events:,.0f} of {of.total:,.0f} ({percent(of.events / of.total)})"


def after(seconds: float | None) -> str:
    """A span of time ahead, roughly: ``40 s``, ``25 min``, ``3 h``, ``2 days``."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    if seconds < 2 * 86400:
        return f"{round(seconds / 3600)} h"
    return f"{round(seconds / 86400)} days"


def ended(words: str) -> str:
    """A message with its stop; its first letter may be a version's, so it stays as it is."""
    return words if not words or words[-1] in ".!?" else f"{words}."


def spelled(name: str) -> str:
    """A name in one word as people write it: ``rolledBack`` to ``Rolled back``."""
    apart = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return apart.strip().capitalize()


FORMATS: dict[str, Callable[..., str]] = {
    "written": written,
    "interval": interval,
    "percent": percent,
    "e_value": e_value,
    "tally": tally,
    "after": after,
    "ended": ended,
    "spelled": spelled,
}
