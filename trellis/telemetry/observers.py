"""``observe`` of a histogram for a path that calls it several times a request."""

from bisect import bisect_left
from collections.abc import Callable

from prometheus_client import Histogram


def observer(histogram: Histogram) -> Callable[[float], None]:
    """What ``histogram.observe`` does, at a third of its cost.

    ``histogram`` has its labels bound. The library walks the edges one by one and checks its
    labels each time; with 40 edges this took a tenth of a small request.
    """
    # The library has no public way in; the tests hold this against its own ``observe``.
    edges = histogram._upper_bounds  # noqa: SLF001
    add_to = [bucket.inc for bucket in histogram._buckets]  # noqa: SLF001
    add_to_sum = histogram._sum.inc  # noqa: SLF001

    def observe(amount: float) -> None:
        add_to[bisect_left(edges, amount)](1)
        add_to_sum(amount)

    return observe
