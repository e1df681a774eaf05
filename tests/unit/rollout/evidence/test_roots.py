import math

import pytest

from trellis.rollout.evidence.roots import root


def test_a_root_is_found_to_its_tolerance() -> None:
    assert root(lambda x: x * x - 2, 0.0, 2.0) == pytest.approx(math.sqrt(2), abs=1e-11)
    assert root(lambda x: x - 1e-9, 0.0, 1.0, 1e-15) == pytest.approx(1e-9, abs=1e-14)


def test_signs_that_do_not_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="different signs"):
        root(lambda x: x + 1, 0.0, 1.0)
