"""Spans of time and shares as people write them in manifests: ``250ms``, ``1h30m``, ``0.5%``."""

import re
from typing import Annotated

from pydantic import Field

#: Units of a duration, in seconds.
PARTS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = r"\d+(?:\.\d+)?(?:ms|s|m|h|d)"
DURATION_PATTERN = rf"^(?:{_PART})+$"
SHARE_PATTERN = r"^\d+(?:\.\d+)?%$"

#: One or more numbers, each with its unit of ``ms``, ``s``, ``m``, ``h``, ``d``.
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, max_length=32)]

#: A percentage with its sign.
Share = Annotated[str, Field(pattern=SHARE_PATTERN, max_length=16)]


def seconds(text: str) -> float:
    """The span in seconds. Raises ``ValueError`` where a number has no unit."""
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(
            f"{text!r} is no duration; expected numbers with units, as 250ms, 90s or 1h30m"
        )
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    return sum(float(number) * PARTS[unit] for number, unit in parts)


def duration(span: float) -> str:
    """``span`` seconds as a ``Duration``, to the millisecond: never 0, and never with an exponent."""
    return f"{max(span, 0.001):.3f}".rstrip("0").rstrip(".") + "s"


def share(text: str) -> float:
    """The percentage as a part of 1. Raises ``ValueError`` where it has no sign or passes 100."""
    if not re.fullmatch(SHARE_PATTERN, text):
        raise ValueError(f"{text!r} is no share; expected a percentage, as 0.5%")
    part = float(text[:-1]) / 100
    if part > 1:
        raise ValueError(f"{text!r} is over 100%")
    return part
