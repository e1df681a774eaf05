from tests.unit.rollout.plan.conductor import deployed, trying
from trellis.rollout.plan import looking, wanted_field, wanted_table


def test_at_rest_nothing_is_moved_and_nothing_is_counted() -> None:
    conductor = deployed()
    assert wanted_field(conductor.status) == "absent"
    assert wanted_table(conductor.status) == "untagged"
    assert looking(conductor.status, conductor.service.seen()) == "none"


def test_a_stage_is_counted_only_while_the_traffic_shows_its_weight() -> None:
    conductor = trying()
    conductor.until_weight(5)
    assert looking(conductor.status, conductor.service.seen()) == "go on"
    conductor.ask("skip")
    conductor.once()
    assert looking(conductor.status, conductor.service.seen()) == "none"
    conductor.service.settle()
    assert looking(conductor.status, conductor.service.seen()) == "go on"


def test_a_new_trial_starts_anew() -> None:
    conductor = trying()
    conductor.once()
    conductor.service.settle()
    assert looking(conductor.status, conductor.service.seen()) == "start anew"


def test_a_weight_set_by_hand_is_counted_too() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.service.apply(conductor.service.template, weight=33, owner="hand")
    conductor.run(2)
    assert wanted_field(conductor.status) == "leave"
    assert looking(conductor.status, conductor.service.seen()) == "go on"


def test_paused_keeps_splitting_and_counting() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.ask("pause")
    conductor.run(2)
    assert (wanted_field(conductor.status), wanted_table(conductor.status)) == (5, "tagged")
    assert looking(conductor.status, conductor.service.seen()) == "go on"


def test_a_service_that_is_gone_is_not_counted() -> None:
    conductor = trying()
    conductor.until_weight(5)
    assert looking(conductor.status, None) == "none"
