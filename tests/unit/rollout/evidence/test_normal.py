import math

import numpy as np
import pytest
from scipy import integrate

from trellis.rollout.evidence.normal import best_scale, boundary, log_one_sided


@pytest.mark.parametrize(("variance", "scale"), [(1.0, 1.0), (30.0, 4.0), (2.0, 50.0)])
def test_the_one_sided_mixture_has_the_mean_one_under_its_null(
    variance: float, scale: float
) -> None:
    def density(total: float) -> float:
        return math.exp(
            -(total**2) / (2 * variance)
            - 0.5 * math.log(2 * math.pi * variance)
            + log_one_sided(total, variance, scale)
        )

    reach = 40 * math.sqrt(variance + scale) * max(1.0, math.sqrt(variance / scale))
    mean, _ = integrate.quad(density, -reach, reach, points=[0.0], limit=400)
    assert mean == pytest.approx(1.0, rel=1e-6)


def test_the_boundary_is_where_the_two_sided_mixture_reaches_one_by_alpha() -> None:
    variance, scale, alpha = 20.0, 3.0, 0.05
    at = boundary(variance, scale, alpha)
    mixture = math.sqrt(scale / (variance + scale)) * math.exp(at**2 / (2 * (variance + scale)))
    assert mixture == pytest.approx(1 / alpha)


def test_no_other_scale_is_narrower_where_the_best_is_meant_to_be() -> None:
    variance, alpha = 7.0, 0.05
    scales = best_scale(variance, alpha) * np.exp(np.linspace(-1, 1, 41))
    widths = [boundary(variance, float(scale), alpha) for scale in scales]
    assert int(np.argmin(widths)) == 20
