"""Kubernetes' quantities as numbers: 500m, 2, 1.5e3, 512Mi."""

from decimal import Decimal, InvalidOperation
from typing import Any

_UNITS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{letter: Decimal(10) ** (3 * power) for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(2) ** (10 * power) for power, letter in enumerate("KMGTPE", start=1)},
}


def quantity(value: Any) -> Decimal:
    """``value`` in its base unit (cores, bytes, devices); raises ``ValueError`` where it is none."""
    text = str(value).strip()
    unit = next((unit for unit in sorted(_UNITS, key=len, reverse=True) if text.endswith(unit)), "")
    try:
        number = Decimal(text.removesuffix(unit))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no quantity such as 500m, 1 or 512Mi") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is no quantity such as 500m, 1 or 512Mi")
    return number * _UNITS.get(unit, Decimal(1))
