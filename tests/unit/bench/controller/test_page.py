"""Pages of the controller's benchmark, read as the controller reads them."""

from tests.bench.controller.page import own_page, proxy_page
from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count
from trellis.rollout.metrics.exposition import samples
from trellis.rollout.metrics.families import (
    of_queue_proxy,
    of_trellis,
    own_names,
    proxy_names,
)

RAILS = (Guardrail(metric="errors"), Guardrail(metric="latency", over="5ms"))


def test_a_proxys_page_tells_answers_by_code_and_through_which_host() -> None:
    page = proxy_page("tomato-predictor.many.svc.cluster.local", {"200": 990, "500": 10})
    told = of_queue_proxy(samples(page, proxy_names(RAILS)), "tomato", RAILS)
    assert told.counters.counts == {"errors": Count(10, 1000), "latency>5ms": Count(1000, 1000)}
    assert (told.problems, told.tagged) == ({}, 0)
    assert 85_000 < len(page) < 100_000  # a real one: 50 KB, and 38 for the second code


def test_a_predictors_page_tells_its_own_number() -> None:
    page = own_page("tomato-predictor-00002", 777)
    told = of_trellis(samples(page, own_names(())), "tomato-predictor-00002", ())
    assert told.counters.requests == 777
