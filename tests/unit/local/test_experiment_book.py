from pathlib import Path

import pytest

from tests.unit.local.conftest import EXPERIMENT_FORM, Write
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.local.custom_resources import Experiment as Manifest
from trellis.local.experiment_book import ExperimentBook
from trellis.local.manifests import read_paths
from trellis.rollout.experiments.assignment import AssignedArm, Assignment
from trellis.rollout.experiments.memory import Memory, written

ASKED = Experiment.model_validate(
    {"model": "squares", "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]}
)
ASSIGNED = Assignment(
    experiment="compares",
    model="tomato",
    strategy="hash",
    attribution_window=60,
    arms=(AssignedArm(version="v1", revision="tomato-1", service="tomato", weight=1),),
)


@pytest.fixture
def manifests(write: Write) -> list[Manifest]:
    return read_paths([write(EXPERIMENT_FORM)]).experiments


def changed(write: Write, old: str, new: str) -> list[Manifest]:
    file: Path = write(EXPERIMENT_FORM.replace(old, new))
    return read_paths([file]).experiments


def test_both_kinds_are_carried_out_and_a_manifest_goes_before(manifests: list[Manifest]) -> None:
    book = ExperimentBook()
    book.ask("by-hand", ASKED)
    book.ask("compares", ASKED)
    book.take(manifests)
    assert list(book.specs) == ["by-hand", "compares"]
    assert book.specs["compares"].model == "tomato"
    assert list(book.asked) == ["by-hand"]


def test_a_spec_that_changed_is_another_generation(write: Write, manifests: list[Manifest]) -> None:
    book = ExperimentBook()
    for wanted, number in (
        (manifests, 1),
        (manifests, 1),
        (changed(write, "kind: label", "kind: score"), 2),
    ):
        book.take(wanted)
        assert book.records["compares"].generation == number


def test_what_is_gone_is_forgotten_and_the_rest_outlives_a_restart(
    manifests: list[Manifest],
) -> None:
    book = ExperimentBook()
    book.ask("by-hand", ASKED)
    book.take(manifests)
    book.write("compares", ExperimentResourceStatus(message="so far"))
    again = ExperimentBook.recall(book.asked, book.records)
    again.take(manifests)
    view = again.view("compares")
    assert view is not None
    assert view.status.message == "so far"
    older = ExperimentBook.recall(book.asked, {})  # a state of before there were records
    assert list(older.specs) == ["by-hand"]
    again.take([])
    assert (again.view("compares"), list(again.records)) == (None, ["by-hand"])


def test_a_table_is_made_of_written_statuses(manifests: list[Manifest]) -> None:
    book = ExperimentBook()
    book.take(manifests)
    assert book.assignment("tomato") is None
    plan = written(Memory(identity="one", assigned=ASSIGNED))
    book.write("compares", ExperimentResourceStatus(plan=plan))
    assert book.assignment("tomato") == ASSIGNED
    assert book.assignment("other") is None
    book.take([])
    assert list(book.assignments()) == []


def test_every_service_of_an_experiment_is_held_by_it(manifests: list[Manifest]) -> None:
    book = ExperimentBook()
    book.take(manifests)
    assert [book.holder(name) for name in ("tomato", "other", "third")] == [
        "compares",
        "compares",
        None,
    ]
