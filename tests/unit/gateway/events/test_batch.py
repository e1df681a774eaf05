"""A batch's document: entries, what is counted by arm, what is joined later."""

import json
from typing import Any

from tests.unit.gateway.events.exposures import exposure
from trellis.contracts.events import Exposure, Outcome
from trellis.gateway.events.batch import dropped_field, joins, write_batch
from trellis.gateway.events.keys import EventKeys

KEYS = EventKeys("trellis")


def document(*exposures: Exposure, window: float = 60) -> dict[str, Any]:
    batch = write_batch(exposures, {}, lambda _model: window, KEYS)
    read: dict[str, Any] = json.loads(batch.document)
    return read


def test_entries_carry_the_whole_event_and_how_long_it_is_joined() -> None:
    one = exposure("r1")
    (entry,) = document(one, window=1.5)["entries"]
    assert Exposure.model_validate_json(entry["event"]) == one
    assert entry["key"] == "trellis:{events}:request:r1"
    assert entry["window"] == 2


def test_an_outcome_is_whole_once_joined() -> None:
    one = exposure(experiment=None, propensity=0.1, shares="ab", asked=True, predicted="a cat")
    said = '"requestId":"r1","kind":"label","value":"cat","time":1.5'
    outcome = Outcome.model_validate_json("{" + said + "," + joins(one).decode() + "}")
    assert (outcome.exposed_at, outcome.propensity) == (one.time, 0.1)
    assert outcome.shares == "ab"
    assert (outcome.experiment, outcome.asked) == (None, True)
    assert (outcome.value, outcome.predicted) == ("cat", "a cat")


def test_counts_are_by_assigned_arm_with_its_version_and_its_units() -> None:
    read = document(
        exposure("r1", unit="a" * 16),
        exposure("r2", unit="a" * 16, code=503),
        exposure("r3", unit="b" * 16, code=499),
        # Its arm was down, so the stable one served: nothing tells leaf-2's version.
        exposure("r4", unit="c" * 16, arm="leaf-2"),
    )
    assert read["counts"] == {
        "trellis:{events}:counts:colours": {
            "exposures:leaf-1": 3,
            "errors:leaf-1": 1,
            "exposures:leaf-2": 1,
        }
    }
    assert read["versions"] == {"trellis:{events}:counts:colours": {"version:leaf-1": "v1"}}
    assert read["units"] == {
        "trellis:{events}:units:colours:leaf-1": ["a" * 16, "b" * 16],
        "trellis:{events}:units:colours:leaf-2": ["c" * 16],
    }


def test_what_was_asked_for_or_has_no_experiment_is_stored_but_not_counted() -> None:
    read = document(exposure("r1", asked=True), exposure("r2", experiment=None))
    assert len(read["entries"]) == 2
    assert (read["counts"], read["units"]) == ({}, {})


def test_losses_are_named_for_what_they_leave_incomplete() -> None:
    lost = exposure("r1"), exposure("r2", experiment=None)
    assert [dropped_field(one) for one in lost] == ["experiment:colours", "model:leaf"]
    assert document(*lost)["ours"] == {"experiment:colours": 1, "model:leaf": 1}


def test_it_knows_its_own_size() -> None:
    one, two = (write_batch([exposure("r1")] * n, {}, lambda _: 60, KEYS) for n in (1, 2))
    size = len(exposure("r1").model_dump_json(by_alias=True))
    assert two.stream_bytes - one.stream_bytes == one.stream_bytes >= size
