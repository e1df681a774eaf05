from tests.unit.rollout.experiments.people import spec_of
from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.rollout.experiments.epochs import Epoch
from trellis.rollout.experiments.memory import (
    MOST_NOTICES,
    Memory,
    counted_as,
    digest_of,
    noticed,
    recall,
    written,
)


def test_what_is_written_is_what_is_recalled() -> None:
    memory = Memory(identity="one", comparing="abc", epoch=Epoch(3, 5.0, {"v1": 0.4, "v2": 0.6}))
    memory = noticed(memory, "decided", "v2 is best", 7.0)
    status = ExperimentResourceStatus(plan=written(memory) | {"fromTheFuture": 1})
    text = status.model_dump_json(by_alias=True)
    read = ExperimentResourceStatus.model_validate_json(text)
    assert recall(read) == memory
    assert counted_as(read) == "one"
    assert counted_as(ExperimentResourceStatus()) is None


def test_notices_are_numbered_for_good_and_bounded() -> None:
    memory = Memory()
    for number in range(MOST_NOTICES + 5):
        memory = noticed(memory, "refused", f"number {number}", 1.0)
    assert [memory.notices[0].number, memory.notices[-1].number] == [6, MOST_NOTICES + 5]


def test_weights_switch_and_epochs_ask_the_same_question() -> None:
    plain = digest_of(spec_of())
    heavier = spec_of(arms=[{"version": "v1", "weight": 7}, {"version": "v2"}])
    assert digest_of(heavier) == plain
    assert digest_of(spec_of(enabled=False, epoch="2h", minimum_share="1%")) == plain
    for other in ({"alpha": 0.01}, {"unit": "returning"}, {"strategy": "random"}):
        assert digest_of(spec_of(**other)) != plain
