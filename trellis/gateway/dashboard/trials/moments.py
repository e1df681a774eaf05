"""The axis of time: its beginning, its length, and where on it a weight began. Pure."""

import itertools
import time
from collections.abc import Sequence
from typing import NamedTuple

#: A part of the axis that two labels need between them.
APART = 0.14
#: Seconds from which on a label says the day, too.
DAYS = 36 * 3600


class Axis(NamedTuple):
    """``begin`` in seconds since 1970, ``length`` in seconds; ``labels`` by seconds since ``begin``."""

    begin: float
    length: float
    labels: tuple[tuple[float, str], ...]


def axis_of(stages: Sequence[tuple[float, int | None]]) -> Axis:
    """The axis of points in order, each with its weight in percent where there is one.

    Labelled is where a weight began, as far as there is room; without weights both ends.
    """
    begin, end = stages[0][0], stages[-1][0]
    length = max(1.0, end - begin)
    written = "%d %b %H:%M" if length > DAYS else "%H:%M"

    def words(moment: float, weight: int | None) -> str:
        clock = time.strftime(written, time.gmtime(moment))
        return clock if weight is None else f"{clock} · {weight} %"

    began = [stages[0]]
    began += [now for before, now in itertools.pairwise(stages) if now[1] != before[1]]
    labels: list[tuple[float, str]] = []
    for moment, weight in began:
        place = moment - begin
        if not labels or place - labels[-1][0] >= APART * length:
            labels.append((place, words(moment, weight)))
    if labels[-1][0] <= (1 - APART) * length and end > begin:
        labels.append((length, words(end, None)))
    return Axis(begin, length, tuple(labels))
