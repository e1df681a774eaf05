"""Wanted lines of a page, whatever else and whatever labels are on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, generate_latest

from trellis.rollout.metrics.exposition import samples

PAGE = b"""# HELP a_total sentence with a_total{x="1"} 5 in it
# TYPE a_total counter
a_total{x="1",y="brace } quote \\" end"} 3
a_total 1e+06 1790000000000
a_total_more{x="1"} 7
b_bucket{le="+Inf"} 9
b_sum NaN
c_total -1
d_total +Inf
"""


def test_only_whole_names_are_read_with_their_labels() -> None:
    one, two = samples(PAGE, ["a_total"])
    assert one == ("a_total", {"x": "1", "y": 'brace } quote " end'}, 3)
    assert two == ("a_total", {}, 1e6)


def test_several_names() -> None:
    values = [sample.value for sample in samples(PAGE, ["b_bucket", "a_total_more"])]
    assert values == [7, 9]


@pytest.mark.parametrize("name", ["b_sum", "c_total", "d_total"])
def test_what_counts_nothing_makes_the_page_unreadable(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} stands at"):
        list(samples(PAGE, ["a_total", name]))


@given(st.text(), st.floats(0, 1e15))
def test_any_label_comes_back_as_it_was_written(text: str, value: float) -> None:
    registry = CollectorRegistry()
    Counter("answers", "sentence", ["who"], registry=registry).labels(text).inc(value)
    (sample,) = samples(generate_latest(registry), ["answers_total"])
    assert sample.labels["who"] == text.encode("utf-8", "replace").decode()
    assert sample.value == value
