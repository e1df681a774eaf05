from tests.unit.rollout.plan.conductor import deployed, trying
from trellis.rollout.plan import on_delete


def test_a_deleted_rollout_leaves_the_traffic_where_it_is() -> None:
    conductor = trying()
    conductor.until_weight(5)
    decision = on_delete(conductor.status)
    assert (decision.field, decision.table, decision.look) == ("leave", "untagged", "none")
    assert decision.announcements[0].message == "the traffic stays as it is: 5 % on v2"


def test_with_nothing_on_trial_it_says_so() -> None:
    decision = on_delete(deployed().status)
    assert decision.announcements[0].message == "the traffic stays as it is"
