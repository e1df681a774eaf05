"""Where a function of one variable crosses zero."""

from collections.abc import Callable


def root(
    function: Callable[[float], float], low: float, high: float, tolerance: float = 2e-12
) -> float:
    """A zero between ``low`` and ``high``, at which the signs differ, to ``tolerance`` at least.

    Brent's method: Brent (1973), Algorithms for Minimization Without Derivatives, chapter 4. Raises
    ``ValueError`` where the signs are equal.
    """
    # A third of a second and 20 MB, which a process pays that decides something.
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=tolerance))
