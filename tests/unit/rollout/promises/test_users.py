"""Sticky traffic: what is counted by user keeps alpha, what looks like it does not.

Both versions are the same, except in the last test.
"""

from tests.unit.rollout.promises.bounds import at_least
from tests.unit.rollout.promises.readings import (
    ALPHA,
    CLUSTERED,
    RAMP,
    STAGED,
    UNEVEN,
    Users,
    by_all_users_met,
    by_request,
    by_user,
    by_user_and_stage,
    rollbacks,
)
from trellis.rollout.simulate.behaviour import Population


def test_clustered_errors_of_users_keep_alpha_by_user_and_break_it_by_request() -> None:
    stories = CLUSTERED.stories(200)
    assert at_least(rollbacks(stories, by_user), 200) <= ALPHA
    assert at_least(rollbacks(stories, by_request), 200) > ALPHA


def test_first_errors_of_each_stage_break_alpha() -> None:
    stories = STAGED.stories(400)
    assert at_least(rollbacks(stories, by_user), 400) <= ALPHA
    assert at_least(rollbacks(stories, by_user_and_stage), 400) > ALPHA


def test_users_ever_met_as_those_at_risk_break_alpha() -> None:
    stories = UNEVEN.stories(150)
    assert at_least(rollbacks(stories, by_user), 150) <= ALPHA
    assert at_least(rollbacks(stories, by_all_users_met), 150) > ALPHA


def test_a_margin_by_user_is_one_on_users_without_an_error_so_far() -> None:
    """Half as many users again fail always: at the margin while nobody moves. But whoever fails on
    stable is soon no more at risk, and then a ramp brings users who fail on the canary only: rightly
    more than the margin.
    """
    population = Population(1000, 0.5, prone=0.1, canary_prone=0.15, prone_error_rate=0.6)
    one_step = Users(population, (20,), 30, 60).stories(150)
    assert at_least(rollbacks(one_step, by_user, 1.5), 150) <= ALPHA
    ramp = Users(population, RAMP, 15, 60).stories(60)
    assert at_least(rollbacks(ramp, by_user, 1.5), 60) > ALPHA
