from typing import Any

from trellis.rollout.cluster.rollouts import Rollout, rollout
from trellis.rollout.cluster.table import GONE_SECONDS, Table


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _raw(version: int) -> dict[str, Any]:
    metadata = {"namespace": "n", "name": "r", "uid": "u", "generation": 1}
    return {
        "metadata": {**metadata, "resourceVersion": str(version)},
        "spec": {"inferenceService": "m"},
    }


def _table(clock: Clock) -> Table[Rollout]:
    return Table(rollout, lambda found: found.service_key, lambda *_: None, clock)


def test_a_write_that_is_answered_late_does_not_bring_back_what_was_deleted() -> None:
    clock = Clock()
    table = _table(clock)
    table.put(_raw(9))
    table.drop(_raw(11))
    table.know(rollout(_raw(10)), 10)
    assert table.get(("n", "r")) is None
    clock.now += GONE_SECONDS
    table.know(rollout(_raw(10)), 10)
    assert table.get(("n", "r")) is not None


def test_one_that_is_made_again_is_known_at_once() -> None:
    table = _table(Clock())
    table.put(_raw(9))
    table.replace(())
    table.put(_raw(12))
    table.know(rollout(_raw(13)), 13)
    found = table.get(("n", "r"))
    assert found is not None
    assert found.token == "13"


def test_a_list_is_taken_as_it_is_and_changes_only_where_they_are_newer() -> None:
    table = _table(Clock())
    table.put(_raw(9))
    table.put(_raw(8))
    assert [found.token for found in table] == ["9"]
    table.replace([_raw(3)])
    assert [found.token for found in table] == ["3"]
