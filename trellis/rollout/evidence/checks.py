"""Counts and moments that cannot be are refused, naming the field."""

import math

from trellis.rollout.looks import Count, Moments

#: Of counts that were extrapolated or added up as floats.
_ROUNDING = 1e-9


def check_count(where: str, count: Count, *, within_total: bool) -> None:
    """``within_total``: events are some of the total, as requests are, and not of seconds.

    Raises ``ValueError`` where a number is negative or not finite, or events pass the total.
    """
    for field, value in zip(Count._fields, count, strict=True):
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{where}.{field}: {value} is no count")
    if within_total and count.events > count.total * (1 + _ROUNDING):
        raise ValueError(f"{where}.events: {count.events} of a total of {count.total}")


def check_moments(where: str, moments: Moments, *, signed: bool) -> None:
    """Raises ``ValueError`` where they are not those of ``number`` real values, or, unless
    ``signed``, of values from 0 on.
    """
    for field, value in zip(Moments._fields, moments, strict=True):
        if not math.isfinite(value) or (value < 0 and not (signed and field == "total")):
            raise ValueError(f"{where}.{field}: {value} cannot be")
    if moments.total**2 > moments.number * moments.squares * (1 + 1e-6):
        raise ValueError(
            f"{where}.squares: {moments.squares} is too little for {moments.number:g} values "
            f"with a sum of {moments.total}"
        )
