"""Half-open intervals of [0, 1): who owns which part of the unit line, pure.

A unit's point falls into exactly one arm's intervals; weights are lengths. Changing weights
moves the smallest total length: an arm that shrinks gives up exactly what it loses, an arm
that grows receives exactly what it gains, and nothing else changes hands.
"""

from collections.abc import Mapping, Sequence

#: Edges lie on a grid, so that sums are exact: floats alone leave slivers that nobody owns.
_GRID = 10**12

Interval = tuple[float, float]
Intervals = tuple[Interval, ...]


def length(intervals: Intervals) -> float:
    """Total length of disjoint intervals."""
    return sum(end - start for start, end in intervals)


def merged(intervals: list[Interval]) -> Intervals:
    """The same points with neighbours joined, in order."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def check_partition(arms: Mapping[str, Intervals]) -> None:
    """Raise ``ValueError`` unless the arms' intervals cover [0, 1) exactly once."""
    owned = sorted((start, end, arm) for arm, own in arms.items() for start, end in own)
    reached = 0.0
    for start, end, arm in owned:
        if not start < end:
            msg = f"arm {arm!r}: interval [{start}, {end}) is empty or reversed"
            raise ValueError(msg)
        if start != reached:
            word = "overlap" if start < reached else "leave a gap"
            msg = f"arm {arm!r}: intervals {word} at {min(start, reached)}"
            raise ValueError(msg)
        reached = end
    if reached != 1.0:
        msg = f"intervals end at {reached}, not at 1"
        raise ValueError(msg)


def reweight(
    previous: Mapping[str, Intervals], weights: Mapping[str, float]
) -> dict[str, Intervals]:
    """Intervals for new weights that differ from ``previous`` by the smallest total length.

    Parameters: ``previous``, a partition of [0, 1) or empty; ``weights``, one share an arm,
    not negative, with any positive sum (they are divided by it). Arms of ``previous`` that
    ``weights`` lacks give up all they own. Shares are exact to 1e-12. Raises ``ValueError`` on
    a bad weight.
    """
    total = sum(weights.values())
    if not total > 0 or any(weight < 0 for weight in weights.values()):
        msg = f"weights must not be negative and must sum to more than 0: {dict(weights)}"
        raise ValueError(msg)
    wanted = _lengths(weights, total)
    owned = {arm: _on_grid(own) for arm, own in previous.items()}
    free: list[_Span] = [] if any(owned.values()) else [(0, _GRID)]
    keep: dict[str, list[_Span]] = {arm: [] for arm in weights}
    for arm, spans in owned.items():
        kept, given = _cut(spans, wanted.get(arm, 0))
        free.extend(given)
        if arm in keep:
            keep[arm] = kept
    free.sort()
    for arm, spans in keep.items():
        missing = wanted[arm] - sum(end - start for start, end in spans)
        taken, free = _cut(free, missing)
        spans.extend(taken)
    return {
        arm: merged([(start / _GRID, end / _GRID) for start, end in spans])
        for arm, spans in keep.items()
    }


_Span = tuple[int, int]  # an interval in steps of the grid


def _on_grid(own: Intervals) -> list[_Span]:
    spans = [(round(start * _GRID), round(end * _GRID)) for start, end in own]
    return [(start, end) for start, end in spans if start < end]


def _lengths(weights: Mapping[str, float], total: float) -> dict[str, int]:
    """Steps of the grid for each arm, which sum to the whole; no weight, no step."""
    steps = {arm: round(weight / total * _GRID) for arm, weight in weights.items()}
    largest = max(weights, key=lambda arm: weights[arm])
    steps[largest] += _GRID - sum(steps.values())
    return steps


def _cut(spans: Sequence[_Span], wanted: int) -> tuple[list[_Span], list[_Span]]:
    """The first ``wanted`` steps of ``spans``, and the rest."""
    first: list[_Span] = []
    rest: list[_Span] = []
    for start, end in spans:
        middle = min(end, start + wanted)
        wanted -= middle - start
        if start < middle:
            first.append((start, middle))
        if middle < end:
            rest.append((middle, end))
    return first, rest
