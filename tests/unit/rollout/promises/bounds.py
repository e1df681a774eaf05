"""What a simulation's count can say: Clopper and Pearson's bounds, wrong once in ten thousand."""

from scipy.stats import beta

#: The probability that a bound of one test is wrong though the promise is kept.
ERROR = 1e-4


def at_least(events: int, number: int) -> float:
    """The lowest rate that the count does not rule out."""
    return float(beta.ppf(ERROR, events, number - events + 1)) if events else 0.0


def at_most(events: int, number: int) -> float:
    """The highest rate that the count does not rule out."""
    return float(beta.ppf(1 - ERROR, events + 1, number - events)) if events < number else 1.0
