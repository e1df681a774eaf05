import random

import pytest

from trellis.local.traffic import Page, Window, parse, quantile
from trellis.telemetry.metrics import DURATION_BUCKETS

PAGE = """\
# HELP trellis_requests_total Requests answered
# TYPE trellis_requests_total counter
trellis_requests_total{code="200",model="tomato",protocol="rest",revision="r1",version="v1"} 90.0
trellis_requests_total{code="422",model="tomato",protocol="grpc",revision="r1",version="v1"} 6.0
trellis_requests_total{code="503",model="a\\"b,c",protocol="rest",revision="r1",version="v1"} 4.0
trellis_requests_total{code="200",model="tomato",protocol="rest",revision="r2",version="v2"} 7.0
trellis_requests_created{code="200",model="tomato",revision="r1"} 1.7e+09
trellis_request_duration_seconds_bucket{le="0.01",model="tomato",revision="r1",version="v1"} 50.0
trellis_request_duration_seconds_bucket{le="0.02",model="tomato",revision="r1",version="v1"} 100.0
trellis_request_duration_seconds_bucket{le="+Inf",model="tomato",revision="r1",version="v1"} 100.0
trellis_request_phase_duration_seconds_bucket{le="0.01",phase="queue",revision="r1"} 7.0
process_cpu_seconds_total 3.1
"""


def test_a_page_is_read_by_revision() -> None:
    pages = parse(PAGE)
    assert set(pages) == {"r1", "r2"}
    assert (pages["r1"].requests, pages["r1"].errors) == (100, 4)
    assert pages["r1"].buckets == {0.01: 50, 0.02: 100, float("inf"): 100}
    assert pages["r2"].requests == 7


def test_rates_are_differences() -> None:
    window = Window()
    window.add(10.0, Page(requests=100, errors=5, buckets={0.01: 100, float("inf"): 100}))
    window.add(12.0, Page(requests=150, errors=6, buckets={0.01: 140, float("inf"): 150}))
    traffic = window.traffic()
    assert (traffic.rate, traffic.requests, traffic.errors) == (25, 50, 1)
    assert traffic.p50 == pytest.approx(0.00625)
    assert traffic.p99 == 0.01


def test_one_page_tells_nothing_yet() -> None:
    window = Window()
    assert window.traffic().p50 is None
    window.add(1.0, Page(requests=5))
    assert window.traffic().rate == 0


def test_old_pages_leave_the_window() -> None:
    window = Window(seconds=10)
    for second in range(60):
        window.add(float(second), Page(requests=1000.0 if second > 30 else 0.0))
    assert window.traffic().requests == 0


def test_a_process_that_began_anew_counts_from_nothing() -> None:
    window = Window()
    window.add(1.0, Page(requests=1000))
    window.add(2.0, Page(requests=3))
    window.add(3.0, Page(requests=13))
    assert window.traffic().requests == 10


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_quantile_is_within_its_bucket(share: float) -> None:
    draw = random.Random(1)
    values = sorted(draw.lognormvariate(-4, 1) for _ in range(5000))
    edges = [*DURATION_BUCKETS, float("inf")]
    buckets = {edge: float(sum(value <= edge for value in values)) for edge in edges}
    exact = values[int(share * len(values))]
    estimate = quantile(buckets, share)
    assert estimate is not None
    above = min(edge for edge in edges if edge >= exact)
    below = max([0.0, *(edge for edge in edges if edge < exact)])
    assert below <= estimate <= above


def test_quantiles_at_the_ends() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({0.1: 0.0, float("inf"): 0.0}, 0.5) is None
    assert quantile({0.1: 0.0, float("inf"): 5.0}, 0.5) == 0.1
