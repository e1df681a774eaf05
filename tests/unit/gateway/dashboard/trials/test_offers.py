from typing import Any, get_args

import pytest

from tests.unit.gateway.dashboard.trials.samples import rollout
from trellis.contracts.rollout_status import Command, HistoryEntry, Phase
from trellis.gateway.dashboard.trials.offers import command_id, offers_of, version_on_trial


@pytest.mark.parametrize(
    ("phase", "offered"),
    [
        ("Idle", []),
        ("Waiting", ["pause", "promote", "abort"]),
        ("Progressing", ["pause", "skip", "promote", "abort"]),
        ("Paused", ["resume", "skip", "promote", "abort"]),
        ("Promoting", ["abort"]),
        ("Promoted", ["abort"]),
        ("RollingBack", []),
        ("RolledBack", ["retry"]),
        ("Refused", []),
    ],
)
def test_only_what_may_be_done_now_is_offered(phase: Phase, offered: list[str]) -> None:
    assert [offer.do for offer in offers_of(rollout(phase=phase))] == offered


@pytest.mark.parametrize("phase", get_args(Phase))
def test_each_offer_says_which_version_it_is_about(phase: Phase) -> None:
    for view in (rollout(phase=phase), rollout(phase=phase, stable=None)):
        assert all("v2" in offer.says for offer in offers_of(view))


def test_a_command_is_meant_for_the_version_that_the_page_showed() -> None:
    assert version_on_trial(rollout()) == "v2"
    assert version_on_trial(rollout(canary=None)) == "v1"
    assert version_on_trial(rollout(canary=None, stable=None)) == ""


def test_a_second_press_is_the_same_command_until_the_rollout_has_answered() -> None:
    before = rollout()
    assert command_id(before, "skip") == command_id(rollout(weight=51), "skip")
    assert command_id(before, "skip") != command_id(before, "pause")
    answer: Any = HistoryEntry(time=before.status.history[-1].time + 0.01, what="refused")
    after = rollout(history=(*before.status.history, answer))
    assert command_id(before, "skip") != command_id(after, "skip")
    assert Command(id=command_id(rollout(history=()), "skip"), do="skip").id == "page-skip-0"
