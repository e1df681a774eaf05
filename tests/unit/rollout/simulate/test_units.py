import numpy as np
import pytest

from trellis.contracts.rollout import Guardrail
from trellis.rollout.simulate.behaviour import Behaviour, Population, Shocks, Traffic
from trellis.rollout.simulate.units import UnitTraffic

ERRORS = Guardrail(metric="errors")
SURE = Behaviour(error_rate=0.0)
CALM = Shocks()


def invented(
    population: Population, behaviour: Behaviour = SURE, shocks: Shocks = CALM
) -> UnitTraffic:
    traffic = Traffic(behaviour, behaviour, 100, population, shocks)
    return UnitTraffic((ERRORS,), traffic, np.random.default_rng(4))


def test_a_user_who_met_the_canary_stays_there_while_the_weight_rises() -> None:
    traffic = invented(Population(users=500))
    before = np.zeros(500, bool)
    for weight in (1, 5, 20, 50, 99):
        on_canary = traffic.moves(weight, 5)["errors"].on_canary
        assert on_canary[before].all()
        before = on_canary
    assert before.sum() > 450


def test_a_user_counts_until_the_first_error() -> None:
    population = Population(
        users=50, activity_spread=0.1, prone=1, canary_prone=1, prone_error_rate=1
    )
    traffic = invented(population)
    first = traffic.look(50, 60)
    again = traffic.look(50, 60)
    total = first.canary.counts["errors"].total + first.stable.counts["errors"].total
    assert total == 50
    assert first.canary.counts["errors"].events == first.canary.counts["errors"].total
    assert (again.canary.counts["errors"], again.stable.counts["errors"]) == ((0, 0), (0, 0))


def test_who_sent_nothing_is_not_at_risk() -> None:
    traffic = invented(Population(users=400))
    move = traffic.moves(50, 0.5)["errors"]
    assert (move.requests == 0).sum() > 0
    assert (move.at_risk == (move.requests > 0)).all()


def test_errors_come_from_the_prone_users_and_the_canary_has_more_of_them() -> None:
    population = Population(
        users=4000, activity_spread=0.1, prone=0.05, canary_prone=0.2, prone_error_rate=1
    )
    look = invented(population).look(50, 60)
    for side, share in ((look.canary, 0.2), (look.stable, 0.05)):
        events, total = side.counts["errors"]
        assert abs(events / total - share) < 6 * (share / total) ** 0.5


def test_a_shock_multiplies_every_users_errors() -> None:
    population = Population(users=500, activity_spread=0.1)
    shaken = invented(population, Behaviour(error_rate=0.01), Shocks(1.0, errors=100))
    move = shaken.moves(50, 60)["errors"]
    assert (move.events == move.requests).all()


@pytest.mark.parametrize("metric", ["meanLatency", "restarts"])
def test_only_counts_by_user_can_be_invented(metric: str) -> None:
    with pytest.raises(ValueError, match=f"{metric} is not known by user"):
        UnitTraffic(
            (Guardrail.model_validate({"metric": metric}),), Traffic(), np.random.default_rng(0)
        )
