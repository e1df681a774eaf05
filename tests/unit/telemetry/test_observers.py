"""The quick ways into metrics count exactly as the library's own."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from trellis.telemetry.metrics import DURATION_BUCKETS
from trellis.telemetry.observers import adder, observer


def test_counts_on_below_above_and_beyond_every_edge_as_the_library_does() -> None:
    amounts = [0.0, 1e9]
    for edge in DURATION_BUCKETS:
        amounts += [edge, edge * 0.999, edge * 1.001]
    pages = []
    for quick in (True, False):
        registry = CollectorRegistry()
        histogram = Histogram(
            "seconds", "s", ["who"], buckets=DURATION_BUCKETS, registry=registry
        ).labels("me")
        observe = observer(histogram) if quick else histogram.observe
        for amount in amounts:
            observe(amount)
        page = generate_latest(registry).decode()
        pages.append([line for line in page.splitlines() if "_created" not in line])
    assert pages[0] == pages[1]
    assert f'seconds_count{{who="me"}} {len(amounts)}.0' in pages[0]


def test_counters_add_up() -> None:
    registry = CollectorRegistry()
    counter = Counter("things", "t", ["who"], registry=registry).labels("me")
    add = adder(counter)
    add(1)
    counter.inc()
    add(0.5)
    assert registry.get_sample_value("things_total", {"who": "me"}) == 2.5


_IN_A_WORKER = """
from prometheus_client import Counter, Histogram
from trellis.telemetry.exposition import metrics_page
from trellis.telemetry.observers import adder, observer
observer(Histogram("seconds", "s", ["who"], buckets=(1, 2)).labels("me"))(1.5)
adder(Counter("things", "t", ["who"]).labels("me"))(2)
print(metrics_page()[0].decode())
"""


def test_workers_count_on_the_page_they_share(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        page = subprocess.run(
            [sys.executable, "-c", _IN_A_WORKER], env=environment, check=True, capture_output=True
        ).stdout.decode()
    assert 'seconds_bucket{le="2.0",who="me"} 2.0' in page
    assert 'seconds_sum{who="me"} 3.0' in page
    assert 'things_total{who="me"} 4.0' in page
