import pytest

from tests.unit.rollout.plan.conductor import Conductor, deployed, trying
from trellis.contracts.rollout_status import Condition


def _condition(conductor: Conductor, kind: str) -> Condition:
    return {one.type: one for one in conductor.status.conditions}[kind]


def _states(conductor: Conductor) -> dict[str, str]:
    return {one.type: one.status for one in conductor.status.conditions}


def test_at_rest() -> None:
    conductor = deployed()
    assert _states(conductor) == {
        "Progressing": "False",
        "Promoted": "True",
        "Paused": "False",
        "Degraded": "False",
        "EvidenceComplete": "Unknown",
    }
    assert _condition(conductor, "Promoted").message == "v1 has 100 % of traffic"


def test_promoted_is_false_from_the_moment_that_a_version_comes() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    for _ in range(100):
        conductor.once()
        promoted = _condition(conductor, "Promoted").status == "True"
        assert promoted == (conductor.phase == "Promoted")
        if promoted:
            break
        conductor.service.settle()
        conductor.now += 1
    assert _condition(conductor, "Promoted").reason == "Promoted"
    assert conductor.service.answers() == {"v2": 100}


def test_a_rollback_degrades_with_its_reason() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "harm"
    conductor.until("RolledBack")
    degraded = _condition(conductor, "Degraded")
    assert (degraded.status, degraded.reason) == ("True", "Harm")
    assert "errors: harm" in degraded.message
    assert _condition(conductor, "Promoted").status == "False"


@pytest.mark.parametrize("state", ["undecided", "blind"])
def test_evidence_is_complete_when_every_metric_speaks(state: str) -> None:
    conductor = trying()
    conductor.says["v2/a"] = "blind" if state == "blind" else "undecided"
    conductor.until_weight(5)
    conductor.run(2)
    complete = _condition(conductor, "EvidenceComplete")
    assert complete.status == ("False" if state == "blind" else "True")


def test_a_transition_time_moves_only_with_the_status() -> None:
    conductor = trying()
    conductor.until_weight(5)
    before = _condition(conductor, "Progressing")
    conductor.ask("skip")
    conductor.until_weight(20)
    after = _condition(conductor, "Progressing")
    assert before.message != after.message
    assert before.last_transition_time == after.last_transition_time
    conductor.ask("pause")
    conductor.run()
    assert _condition(conductor, "Progressing").last_transition_time > after.last_transition_time


def test_times_are_as_kubernetes_writes_them() -> None:
    conductor = deployed()
    assert _condition(conductor, "Promoted").last_transition_time == "1970-01-12T13:46:40Z"
