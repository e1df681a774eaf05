import pytest

from trellis.rollout.cluster import rivals as module
from trellis.rollout.cluster.rivals import MOST_OVERWRITES, Rivals


async def test_rivals_lead_after_so_many_writes_over_theirs_and_for_a_while() -> None:
    rivals = Rivals()
    for _ in range(MOST_OVERWRITES):
        rivals.overwritten()
    assert not rivals.lead
    rivals.overwritten()
    assert rivals.lead


async def test_those_who_agree_in_between_are_no_rivals() -> None:
    rivals = Rivals()
    for _ in range(3 * MOST_OVERWRITES):
        rivals.overwritten()
        rivals.agreed()
    assert not rivals.lead


async def test_what_was_long_ago_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rivals = Rivals()
    for _ in range(MOST_OVERWRITES):
        rivals.overwritten()
    monkeypatch.setattr(module, "FIGHT_SECONDS", 0.0)
    rivals.overwritten()
    assert not rivals.lead
