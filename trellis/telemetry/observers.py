"""Quick ways into metrics, for a path that uses a dozen of them a request.

Of a small request prometheus_client takes a fifth: it walks a histogram's edges one by one, checks
its labels each time and takes a lock for each number. A predictor counts on one thread, its event
loop's, and needs none of that. The library has no public way in; the tests hold what is counted
here against what it counts itself.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.values import MutexValue


def observer(histogram: Histogram) -> Callable[[float], None]:
    """What ``histogram.observe`` does, from one thread only; its labels are bound."""
    edges = histogram._upper_bounds  # noqa: SLF001
    buckets: list[Any] = histogram._buckets  # noqa: SLF001
    total: Any = histogram._sum  # noqa: SLF001

    def observe(amount: float) -> None:
        buckets[bisect_left(edges, amount)]._value += 1.0  # noqa: SLF001
        total._value += amount  # noqa: SLF001

    def observe_in_shared_memory(amount: float) -> None:
        buckets[bisect_left(edges, amount)].inc(1)
        total.inc(amount)

    return observe if isinstance(total, MutexValue) else observe_in_shared_memory


def adder(counter: Counter | Gauge) -> Callable[[float], None]:
    """What ``inc`` does, from one thread only; its labels are bound, a counter's amounts not negative."""
    value: Any = counter._value  # noqa: SLF001

    def add(amount: float) -> None:
        value._value += amount  # noqa: SLF001

    return add if isinstance(value, MutexValue) else value.inc
