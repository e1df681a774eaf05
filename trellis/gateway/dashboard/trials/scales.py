"""The axes of a chart of evidence: where a value is drawn, and what stands beside it. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from trellis.contracts.rollout import Guardrail
from trellis.gateway.dashboard.trials.words import written

Kind = Literal["ratio", "share", "seconds", "number"]
#: As the evidence knows ratios: beyond, it tells them no longer apart.
LARGEST_RATIO = 64.0
#: Labels of an axis, at most.
MOST_LABELS = 7
_STEPS = (1.0, 2.0, 5.0, 10.0)


class Scale(NamedTuple):
    """``place`` gives the height of a value, ``labels`` values with their words; ``low`` and ``high``
    are heights.
    """

    place: Callable[[float], float]
    low: float
    high: float
    labels: tuple[tuple[float, str], ...]


def kind_of(guardrail: Guardrail | None) -> Kind:
    """What a guardrail's estimate, interval and margin are."""
    if guardrail is None:
        return "number"
    if guardrail.limit is not None:
        return "share"
    absolute = guardrail.margin.absolute if guardrail.margin else None
    if absolute is None:
        return "ratio"
    return "seconds" if absolute.endswith("s") else "number"


def scale_of(kind: Kind, values: Iterable[float]) -> Scale:
    """One that shows all values; of ratios by their logarithm, so that half and double are as far."""
    found = [value for value in values if math.isfinite(value)]
    if kind == "ratio":
        return _ratios([value for value in found if value > 0])
    return _linear(kind, found)


def _ratios(values: Sequence[float]) -> Scale:
    least = max(1 / LARGEST_RATIO, min([0.5, *values]))
    most = min(LARGEST_RATIO, max([2.0, *values]))
    low, high = math.floor(math.log2(least)), math.ceil(math.log2(most))
    every = math.ceil((high - low + 1) / MOST_LABELS)
    powers = [power for power in range(low, high + 1) if power % every == 0]

    def place(value: float) -> float:
        return min(max(math.log2(value), low), high) if value > 0 else low

    return Scale(
        place, low, high, tuple((2.0**power, written("ratio", 2.0**power)) for power in powers)
    )


def _linear(kind: Kind, values: Sequence[float]) -> Scale:
    least, most = min([0.0, *values]), max([0.0, *values])
    step = _step((most - least) or 1.0)
    first, last = math.floor(least / step), max(math.ceil(most / step), 1)

    def place(value: float) -> float:
        return min(max(value, first * step), last * step)

    labels = tuple((count * step, written(kind, count * step)) for count in range(first, last + 1))
    return Scale(place, first * step, last * step, labels)


def _step(width: float) -> float:
    """A round number that parts the width into a few."""
    rough = width / (MOST_LABELS - 2)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in _STEPS if power * step >= rough)
