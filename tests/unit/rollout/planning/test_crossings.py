import math

import numpy as np

from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.planning.crossings import crossings
from trellis.rollout.planning.expected import expected_requests
from trellis.rollout.planning.rates import Rates

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=1.5))
BAD = Rates(0.1, 0.02)


def test_random_histories_need_about_the_expected_requests() -> None:
    expected = expected_requests(ERRORS, 0.025, BAD, 20, "harm")
    median = float(np.median(crossings(ERRORS, 0.025, BAD, 20, "harm")))
    assert 0.5 * expected < median < 2 * expected


def test_the_same_seed_gives_the_same_and_nobody_can_change_it() -> None:
    first = crossings(ERRORS, 0.025, BAD, 20, "harm", histories=20)
    crossings.cache_clear()
    assert (crossings(ERRORS, 0.025, BAD, 20, "harm", histories=20) == first).all()
    assert not first.flags.writeable
    assert list(first) == sorted(first)


def test_a_version_that_is_fine_is_hardly_ever_found_harmful() -> None:
    fine = crossings(ERRORS, 0.05, Rates(0.02, 0.02), 20, "harm", histories=20)
    assert all(math.isinf(requests) for requests in fine)
