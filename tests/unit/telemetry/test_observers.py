"""The quick way into a histogram counts exactly as the library's own."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from trellis.telemetry.metrics import DURATION_BUCKETS
from trellis.telemetry.observers import observer


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
