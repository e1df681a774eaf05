"""How far a count of a random split may lie from its share."""

import math


def binomial_bounds(count: int, share: float, error: float) -> tuple[int, int]:
    """The narrowest counts, both taken in, beyond each of which lies at most ``error`` / 2.

    Of ``count`` independent requests each goes to the canary with probability ``share``. Exact:
    sums of the probabilities, no normal approximation. A share of 0 or 1 allows one count only.
    """
    if share in (0, 1):
        return (int(count * share),) * 2
    chances = [_chance(count, hits, share) for hits in range(count + 1)]
    return _first_over(chances, error / 2), count - _first_over(chances[::-1], error / 2)


def _first_over(chances: list[float], error: float) -> int:
    """The first index up to which, itself included, more than ``error`` is summed."""
    total = 0.0
    for index, chance in enumerate(chances):
        total += chance
        if total > error:
            return index
    raise ValueError(f"{error} is no error rate: all chances together are {total}")


def _chance(count: int, hits: int, share: float) -> float:
    ways = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
    return math.exp(ways + hits * math.log(share) + (count - hits) * math.log1p(-share))
