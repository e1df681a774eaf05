import pytest
from pydantic import ValidationError

from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.rollout.experiments.assignment import AssignedArm, Assignment, assignment_of
from trellis.rollout.experiments.memory import Memory, written

ARM = AssignedArm(version="v1", revision="tomato-1", service="tomato", weight=1)
OTHER = AssignedArm(version="v2", revision="tomato-2", service="other", weight=0)


def assigned(*arms: AssignedArm) -> Assignment:
    return Assignment(
        experiment="leaves", model="tomato", strategy="hash", attribution_window=60, arms=arms
    )


def test_a_table_gets_back_what_a_pass_has_written() -> None:
    wanted = assigned(ARM, OTHER)
    status = ExperimentResourceStatus(plan=written(Memory(identity="one", assigned=wanted)))
    text = status.model_dump_json(by_alias=True)
    assert assignment_of(ExperimentResourceStatus.model_validate_json(text)) == wanted
    assert wanted.shares == {"tomato-1": 1, "tomato-2": 0}
    assert wanted.revisions == {"v1": "tomato-1", "v2": "tomato-2"}


def test_nothing_is_assigned_by_a_status_of_nothing_or_of_another_kind() -> None:
    assert assignment_of(ExperimentResourceStatus()) is None
    assert assignment_of(ExperimentResourceStatus(plan={"assigned": {"to": "whom"}})) is None


def test_arms_have_revisions_of_their_own() -> None:
    with pytest.raises(ValidationError, match="each revision once"):
        assigned(ARM, OTHER.model_copy(update={"revision": "tomato-1"}))
