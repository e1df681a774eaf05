"""Wilson's score interval of a rate.

Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
Journal of the American Statistical Association 22 (1927), 209-212.
"""

import math

#: The normal distribution's 0.975 quantile.
Z95 = 1.959963984540054


def wilson95(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval for ``successes`` of ``trials`` (at least one), within [0, 1]."""
    square = Z95 * Z95
    rate = successes / trials
    centre = (rate + square / (2 * trials)) / (1 + square / trials)
    half = (Z95 / (1 + square / trials)) * math.sqrt(
        rate * (1 - rate) / trials + square / (4 * trials * trials)
    )
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return low, high
