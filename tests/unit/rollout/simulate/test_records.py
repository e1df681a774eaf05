import json

import numpy as np
import pytest

from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count, Look, SideLook
from trellis.rollout.simulate.behaviour import Traffic
from trellis.rollout.simulate.records import RecordedLook, read
from trellis.rollout.simulate.requests import RequestTraffic


def test_a_history_comes_back_as_it_was_written() -> None:
    guardrails = (Guardrail(metric="errors"), Guardrail(metric="meanLatency"))
    traffic = RequestTraffic(guardrails, Traffic(), 0, np.random.default_rng(5))
    history = [RecordedLook.of(5.0 * (i + 1), 20, traffic.look(20, 5)) for i in range(20)]
    again = list(read(recorded.line() for recorded in history))
    assert again == history
    assert [recorded.look() for recorded in again] == [recorded.look() for recorded in history]


def test_a_line_is_json_that_a_person_can_write() -> None:
    line = '{"at": 5, "weight": 5, "canary": {"counts": {"errors": [2, 17]}}, "blind": {"latency>250ms": "frozen"}}'
    (recorded,) = read([line, "", "  "])
    assert recorded.look() == Look(
        "requests", SideLook({"errors": Count(2, 17)}), SideLook(), {"latency>250ms": "frozen"}
    )
    assert json.loads(recorded.line())["canary"] == {"counts": {"errors": [2.0, 17.0]}}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['{"at": 5, "weight": 5}', "nothing"], "line 2: Invalid JSON"),
        (['{"at": 5, "weight": 101}'], "line 1: weight: "),
        (['{"at": 5, "weight": 5, "wait": 1}'], "line 1: wait: "),
        (
            ['{"at": 5, "weight": 5, "canary": {"counts": {"errors": [1]}}}'],
            "line 1: canary.counts",
        ),
        (['{"at": 5, "weight": 5}', '{"at": 4, "weight": 5}'], "line 2: at 4 s comes after 5 s"),
    ],
    ids=["no JSON", "bad weight", "unknown key", "half a count", "back in time"],
)
def test_a_bad_line_is_named(lines: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(read(lines))
