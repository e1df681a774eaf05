import time
from typing import cast

import pytest

from tests.unit.rollout.cli.views import rehearsed
from trellis.contracts.rollout_status import Command, RolloutView
from trellis.rollout.cli.ask import ask
from trellis.rollout.cli.explanation import explanation
from trellis.rollout.cli.places import Place, PlaceError


def of_a_newer_controller() -> RolloutView:
    view = rehearsed()
    status = view.status.model_copy(update={"plan": {"course": "sideways", "newerField": 1}})
    return view.model_copy(update={"status": status})


def test_a_status_of_another_version_is_explained_by_one_sentence() -> None:
    with pytest.raises(PlaceError, match="'tomato': the controller that wrote its status is of"):
        list(explanation(of_a_newer_controller(), time.time()))


class OtherVersion:
    """Where such a controller runs; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Command] = []

    async def rollout(self, name: str) -> RolloutView:
        assert name == "tomato"
        return of_a_newer_controller()

    async def ask(self, name: str, command: Command) -> None:
        self.asked.append(command)


async def test_nothing_is_asked_of_one_whose_answer_cannot_be_read() -> None:
    place = OtherVersion()
    with pytest.raises(PlaceError, match="another version"):
        await ask(cast("Place", place), "tomato", "pause", None, 1.0)
    assert not place.asked
