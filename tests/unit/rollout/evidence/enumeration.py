"""All outcomes of small experiments with their probabilities: expectations without a random number."""

from collections.abc import Iterator
from itertools import product
from math import comb, prod


def binomials(*trials: tuple[int, float]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Of independent binomial counts, each given by its number and its probability."""
    for counts in product(*(range(number + 1) for number, _ in trials)):
        yield (
            prod(
                comb(number, count) * share**count * (1 - share) ** (number - count)
                for (number, share), count in zip(trials, counts, strict=True)
            ),
            counts,
        )


def hypergeometric(events: int, total: int, drawn: int) -> Iterator[tuple[float, int]]:
    """How many of the ``events`` among ``total`` are among those drawn."""
    for count in range(max(0, drawn - (total - events)), min(events, drawn) + 1):
        yield comb(events, count) * comb(total - events, drawn - count) / comb(total, drawn), count
