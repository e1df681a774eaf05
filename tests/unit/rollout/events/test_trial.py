"""What a trial is called: by it everything that is counted of it is found again."""

from tests.unit.rollout.plan.conductor import Conductor, trying
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.events.trial import trial_of


def name(status: RolloutStatus) -> str | None:
    return trial_of("farm", "slow", status)


def stepping() -> Conductor:
    conductor = trying()
    conductor.until_weight(5)
    return conductor


def test_a_trial_keeps_its_name_however_much_happens_in_it() -> None:
    conductor = stepping()
    first = name(conductor.status)
    assert first is not None
    for number in range(60):
        conductor.ask("pause" if number % 2 == 0 else "resume", number)
        conductor.run()
    assert "began" not in conductor.story
    assert name(conductor.status) == first


def test_another_trial_has_another_name() -> None:
    conductor = stepping()
    first = name(conductor.status)
    conductor.ask("abort")
    conductor.until("RolledBack")
    conductor.ask("retry")
    conductor.until_weight(5)
    assert name(conductor.status) not in {None, first}


def test_one_that_an_older_controller_began_is_found_by_its_history() -> None:
    status = stepping().status
    plan = {field: value for field, value in status.plan.items() if field != "trialAt"}
    assert name(status.model_copy(update={"plan": plan})) == name(status)


def test_nothing_on_trial_has_no_name() -> None:
    assert name(RolloutStatus()) is None
