"""PromQL over metrics that are named by the objects that export them, so that a query cannot
outlive a metric's name.
"""

from prometheus_client import Counter, Gauge, Histogram

#: The rate's window; Grafana makes it at least four scrapes long.
WINDOW = "$__rate_interval"


def name(metric: Counter | Gauge | Histogram) -> str:
    """The metric's name as it stands on /metrics; a histogram's without _bucket, _sum, _count."""
    (family,) = metric.describe()
    return f"{family.name}_total" if isinstance(metric, Counter) else str(family.name)


def rate(series: str, selector: str, by: str) -> str:
    """How much the counter ``series`` grows a second, summed ``by`` labels."""
    return f"sum by ({by}) (rate({series}{{{selector}}}[{WINDOW}]))"


def share(series: str, part: str, whole: str, by: str) -> str:
    """What ``part`` of the counter is of the ``whole``, both of them selectors."""
    return f"{rate(series, part, by)} / {rate(series, whole, by)}"


def mean(metric: Histogram, selector: str, by: str) -> str:
    """A histogram's mean."""
    total, count = f"{name(metric)}_sum", f"{name(metric)}_count"
    return f"{rate(total, selector, by)} / {rate(count, selector, by)}"


def quantile(share_below: float, metric: Histogram, selector: str, by: str) -> str:
    """The value that ``share_below`` (0 to 1) of a histogram's observations lie under."""
    buckets = rate(f"{name(metric)}_bucket", selector, f"{by}, le")
    return f"histogram_quantile({share_below}, {buckets})"
