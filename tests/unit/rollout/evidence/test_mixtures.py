import math

import numpy as np
import pytest

from trellis.rollout.evidence.mixtures import log_average, log_mixture, normalised


def test_a_mixture_of_two_by_hand() -> None:
    prior = normalised(np.log([1.0, 3.0]))
    assert log_mixture(np.log([8.0, 4.0]), prior) == pytest.approx(math.log(0.25 * 8 + 0.75 * 4))


def test_mixtures_of_any_size_are_finite_and_leave_their_input() -> None:
    ratios = np.array([1e6, -1e6])
    assert log_mixture(ratios, normalised(np.zeros(2))) == pytest.approx(1e6 - math.log(2))
    assert ratios.tolist() == [1e6, -1e6]


def test_an_average() -> None:
    assert log_average(math.log(3), math.log(5)) == pytest.approx(math.log(4))


def test_a_prior_without_atoms_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one atom"):
        normalised(np.zeros(0))
