import math

import numpy as np
import pytest

from trellis.contracts.rollout import Guardrail
from trellis.rollout.simulate.behaviour import Behaviour, LogNormal
from trellis.rollout.simulate.draws import durations


def test_half_of_all_durations_pass_the_median() -> None:
    assert LogNormal(0.05, 1.5).share_over(0.05) == pytest.approx(0.5)


def test_the_share_over_a_threshold_is_that_of_the_drawn_durations() -> None:
    latency = LogNormal(0.05, 0.5)
    drawn = durations(latency, 200_000, np.random.default_rng(1))
    share = latency.share_over(0.1)
    # Six standard errors: fails once in 5e8 seeds.
    allowed = 6 * math.sqrt(share * (1 - share) / drawn.size)
    assert abs((drawn > 0.1).mean() - share) < allowed


def test_all_durations_are_slowed_alike() -> None:
    assert LogNormal(0.05, 0.5).slowed(2).share_over(0.2) == LogNormal(0.05, 0.5).share_over(0.1)


@pytest.mark.parametrize(
    ("guardrail", "rate"),
    [
        (Guardrail(metric="errors"), 0.02),
        (Guardrail(metric="restarts"), 1 / 3600),
        (Guardrail(metric="latency", over="50ms"), 0.5),
        (Guardrail(metric="conversions", attribution_window="1h"), 0.1),
        (Guardrail(metric="wrongLabels", attribution_window="1h"), 0.3),
    ],
    ids=lambda value: value.name if isinstance(value, Guardrail) else "",
)
def test_each_counted_metric_has_its_rate(guardrail: Guardrail, rate: float) -> None:
    behaviour = Behaviour(error_rate=0.02, restarts_per_hour=1, wrong_label_rate=0.3)
    assert behaviour.rate(guardrail) == pytest.approx(rate)


def test_a_mean_has_no_rate() -> None:
    with pytest.raises(ValueError, match="meanLatency is a mean"):
        Behaviour().rate(Guardrail(metric="meanLatency"))
