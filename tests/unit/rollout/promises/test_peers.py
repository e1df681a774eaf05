"""The peers' rules of the benchmark do what their projects say."""

import numpy as np
import pytest

from tests.bench.rollout.drawn import LOOK, Counts, Drawn, draw
from tests.bench.rollout.peers import ArgoRollouts, Flagger
from tests.bench.rollout.tuning import FALSE_ROLLBACKS, argo, flagger, served, trellis
from tests.unit.rollout.promises.bounds import at_least, at_most

MINUTE = 60 // LOOK


def minutes(*errors: int, of: int = 50) -> Drawn:
    """One rollout, in whole minutes; what came is in the minute's first look."""

    def spread(values: list[int]) -> Counts:
        looks = np.zeros((1, len(values) * MINUTE), np.int64)
        looks[0, ::MINUTE] = values
        return looks

    totals = spread([of] * len(errors))
    return Drawn(totals, spread(list(errors)), totals, np.zeros_like(totals))


@pytest.mark.parametrize(
    ("rule", "drawn", "minute"),
    [
        (Flagger(0.99, 2), minutes(1, 0, 0, 1, 0), 4),
        (Flagger(0.99, 3), minutes(1, 0, 0, 1, 0), 0),
        (Flagger(0.98, 1), minutes(1, 1, 2), 3),
        (Flagger(0.99, 2, iterations=3), minutes(0, 1, 0, 0, 1), 0),
        (Flagger(0.99, 2, iterations=3), minutes(0, 1, 0, 1, 0), 4),
        (Flagger(0.99, 1), minutes(0, 0, of=0), 1),
        (ArgoRollouts(0.99, 0, interval=60), minutes(0, 1, 0), 2),
        (ArgoRollouts(0.99, 1, interval=60), minutes(0, 1, 0, 1), 4),
        (ArgoRollouts(0.99, 0, count=2, interval=60), minutes(0, 0, 1), 0),
        (ArgoRollouts(0.99, 0, count=3, interval=60), minutes(0, 0, 1), 3),
        (ArgoRollouts(0.99, 0), minutes(0, 0, 5, 0, 0), 5),
        (ArgoRollouts(0.95, 0), minutes(0, 0, 5, 0, 0), 0),
    ],
    ids=[
        "failed checks add up",
        "and fall short",
        "just at the threshold is fine",
        "promoted before",
        "failed checks do not count as iterations",
        "no traffic fails",
        "no failure is allowed",
        "one is",
        "succeeded before",
        "the last measurement counts",
        "of five minutes together",
        "as a rate",
    ],
)
def test_a_rule_goes_back_in_its_minute(
    rule: Flagger | ArgoRollouts, drawn: Drawn, minute: int
) -> None:
    assert rule.rollbacks(drawn).tolist() == [minute * MINUTE]


def test_flaggers_example_rolls_back_as_many_fine_versions_as_arithmetic_says() -> None:
    fails = 1 - 0.995**50
    promoted = (1 - fails) ** 10 * (1 + 10 * fails)
    random, rollouts = np.random.default_rng(31), 2000
    totals = np.full((rollouts, 12 * MINUTE), 0)
    totals[:, ::MINUTE] = 50
    errors = random.binomial(totals, 0.005)
    back = Flagger(0.99, 2, 10).rollbacks(Drawn(totals, errors, totals, errors)) > 0
    assert at_least(int(back.sum()), rollouts) < 1 - promoted < at_most(int(back.sum()), rollouts)


def test_tuned_rules_keep_to_the_rate_on_the_traffic_they_were_tuned_on() -> None:
    random = np.random.default_rng(32)
    fine = draw(200, 30, 20, 0.02, 0.02, random)
    rules = [*flagger(fine, 0.02), *argo(fine, 0.02), trellis(fine, 1.1)]
    assert len(rules) > 20
    for rule in rules:
        assert (rule.rollbacks(fine) > 0).mean() <= FALSE_ROLLBACKS


def test_requests_are_served_until_the_rollback_or_the_end() -> None:
    drawn = minutes(0, 50, 0)
    assert served(drawn, Flagger(0.99, 1).rollbacks(drawn)) == 100
    assert served(drawn, Flagger(0.99, 2).rollbacks(drawn)) == 150
