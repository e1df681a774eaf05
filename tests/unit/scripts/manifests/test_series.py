import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from scripts.manifests.series import mean, name, quantile, rate, share

REGISTRY = CollectorRegistry()
ANSWERS = Counter("answers_total", "-", ("code",), registry=REGISTRY)
DEPTH = Gauge("depth", "-", registry=REGISTRY)
SECONDS = Histogram("seconds", "-", registry=REGISTRY)


@pytest.mark.parametrize(
    ("metric", "named"), [(ANSWERS, "answers_total"), (DEPTH, "depth"), (SECONDS, "seconds")]
)
def test_names_are_those_of_the_page(metric: Counter | Gauge | Histogram, named: str) -> None:
    assert name(metric) == named


def test_a_rate_is_summed() -> None:
    query = rate("answers_total", 'code="200"', "model")
    assert query == 'sum by (model) (rate(answers_total{code="200"}[$__rate_interval]))'


def test_a_share_is_of_the_whole() -> None:
    part, whole = share("answers_total", 'code="500"', "", "model").split(" / ")
    assert part == rate("answers_total", 'code="500"', "model")
    assert whole == rate("answers_total", "", "model")


def test_a_mean_is_sum_over_count() -> None:
    assert mean(SECONDS, "", "model") == (
        f"{rate('seconds_sum', '', 'model')} / {rate('seconds_count', '', 'model')}"
    )


def test_a_quantile_keeps_the_edges() -> None:
    assert quantile(0.99, SECONDS, "", "model") == (
        f"histogram_quantile(0.99, {rate('seconds_bucket', '', 'model, le')})"
    )
