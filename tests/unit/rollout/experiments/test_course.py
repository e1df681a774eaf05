"""What an experiment does next: when units are assigned, when evidence begins anew, when it waits."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.rollout.experiments.people import spec_of
from trellis.rollout.experiments.course import RIPE_SECONDS, Facts, course
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.memory import Memory
from trellis.rollout.experiments.ports import ArmSeen

NOW = 1000.0


def facts(now: float = NOW, **changed: Any) -> Facts:
    """Of two arms that are ready."""
    spec = spec_of(**changed)
    arms = {
        arm.version: ArmSeen(arm.version, f"r-{arm.version}", "tomato", True) for arm in spec.arms
    }
    return Facts("shop", "colours", spec, arms, "", now)


def seen(of: Facts, version: str, **changed: Any) -> Facts:
    return replace(of, arms={**of.arms, version: replace(of.arms[version], **changed)})


def begun(of: Facts | None = None) -> tuple[Memory, ExperimentEvidence]:
    next_one = course(of or facts(), Memory(), None)
    return next_one.memory, next_one.evidence


def test_units_are_assigned_by_weight_and_counted_first() -> None:
    wanted = course(facts(arms=[{"version": "v1", "weight": 3}, {"version": "v2"}]), Memory(), None)
    assert (wanted.began, wanted.obstacle) == ("Began", None)
    assigned = wanted.memory.assigned
    assert assigned is not None
    assert assigned.weights == {"v1": 0.75, "v2": 0.25}
    assert assigned.attribution_window == 100
    assert wanted.watch is not None
    assert wanted.watch.name == "experiment/shop/colours/1000.000"
    assert wanted.watch.shares == assigned.shares == {"r-v1": 0.75, "r-v2": 0.25}


def test_the_same_again_changes_nothing() -> None:
    memory, evidence = begun()
    again = course(facts(now=NOW + 5), memory, evidence)
    assert (again.memory, again.began) == (memory, "")


@pytest.mark.parametrize(
    ("changed", "phase", "reason"),
    [
        ({"enabled": False}, "Stopped", "Disabled"),
        ({"objection": "a rival"}, "Refused", "Refused"),
        ({"trouble": "Redis is away"}, "Waiting", "EventsUnreadable"),
    ],
    ids=["disabled", "objection", "redis"],
)
def test_nothing_is_assigned_while_something_is_in_the_way(
    changed: dict[str, Any], phase: str, reason: str
) -> None:
    of = facts(enabled=changed.pop("enabled", True))
    wanted = course(replace(of, **changed), Memory(), None)
    assert wanted.obstacle is not None
    assert (wanted.obstacle.phase, wanted.obstacle.reason) == (phase, reason)
    assert (wanted.memory.assigned, wanted.watch) == (None, None)


def test_an_arm_is_waited_for_at_the_beginning_only() -> None:
    starting = seen(facts(), "v2", ready=False, why="it starts")
    waits = course(starting, Memory(), None).obstacle
    assert waits is not None
    assert waits.message == "Waits for v2: it starts."
    memory, evidence = begun()
    assert course(starting, memory, evidence).memory == memory
    gone = course(seen(facts(), "v2", ready=False, revision=""), memory, evidence)
    assert gone.obstacle is not None
    assert gone.memory.assigned is None


def test_two_arms_of_one_revision_are_refused() -> None:
    alike = course(seen(facts(), "v2", revision="r-v1"), Memory(), None).obstacle
    assert alike is not None
    assert (alike.phase, alike.reason) == ("Refused", "ArmsAlike")


def test_another_revision_of_a_version_is_met_once_it_is_ready() -> None:
    memory, evidence = begun()
    starting = seen(facts(), "v2", revision="r-v2-new", ready=False)
    assert course(starting, memory, evidence).memory == memory
    ready = course(seen(facts(), "v2", revision="r-v2-new"), memory, evidence)
    assert ready.memory.assigned is not None
    assert ready.memory.assigned.revisions["v2"] == "r-v2-new"
    assert (ready.began, ready.memory.identity) == ("", memory.identity)


def test_a_halt_gives_all_to_the_first_and_counts_no_more() -> None:
    memory, evidence = begun()
    halted = course(facts(), memory, replace(evidence, halted="GuardrailHarm: v2"))
    assert halted.memory.assigned is not None
    assert halted.memory.assigned.weights == {"v1": 1, "v2": 0}
    assert (halted.watch, halted.began) == (None, "")


def test_only_enabling_it_again_ends_a_halt() -> None:
    memory, evidence = begun()
    evidence = replace(evidence, halted="GuardrailHarm: v2")
    back = seen(facts(), "v1", revision="")
    missing = course(back, memory, evidence)
    assert course(facts(), missing.memory, evidence).began == ""
    stopped = course(facts(enabled=False), memory, evidence)
    again = course(facts(now=NOW + 1), stopped.memory, evidence)
    assert (again.began, again.evidence.halted) == ("Began", "")
    assert again.memory.identity != memory.identity


def test_a_pause_before_a_halt_does_not_end_it() -> None:
    memory, evidence = begun()
    stopped = course(facts(enabled=False), memory, evidence).memory
    on = course(facts(now=NOW + 5), stopped, evidence).memory
    for before in (on, stopped):  # the halt may be seen in the very pass that goes on
        halted = course(facts(now=NOW + 9), before, replace(evidence, halted="GuardrailHarm: v2"))
        assert (halted.began, halted.evidence.halted) == ("", "GuardrailHarm: v2")
        assert halted.memory.assigned is not None
        assert halted.memory.assigned.weights == {"v1": 1, "v2": 0}


def test_a_halt_stands_without_what_it_was_counted_from() -> None:
    memory, evidence = begun()
    halted = replace(evidence, halted="GuardrailHarm: v2")
    memory = course(facts(), memory, halted).memory
    lost = course(replace(facts(now=NOW + 9), lost=True), memory, halted)
    missing = seen(facts(now=NOW + 9), "v2", revision="")
    waited = course(missing, memory, halted).memory
    late = NOW + 9 + 100 + RIPE_SECONDS + 1
    waited = course(replace(missing, now=late), waited, halted).memory
    assert waited.identity == ""
    for again in (lost, course(facts(now=late + 1), waited, halted)):
        assert (again.began, again.evidence.halted) == ("", "GuardrailHarm: v2")
        assert again.memory.assigned is not None
        assert again.memory.assigned.weights == {"v1": 1, "v2": 0}
    stopped = course(facts(now=late + 2, enabled=False), waited, halted).memory
    assert course(facts(now=late + 3), stopped, halted).began == "Began"


@pytest.mark.parametrize(
    "changed",
    [
        {"arms": [{"version": "v1"}, {"version": "v3"}]},
        {"arms": [{"version": "v1"}, {"version": "v3", "inference_service": "other"}]},
    ],
    ids=["version", "service"],
)
def test_another_question_waits_for_every_arm_again(changed: dict[str, Any]) -> None:
    memory, _ = begun(facts(arms=[{"version": "v1"}, {"version": "v3"}], goal={"kind": "score"}))
    edited = facts(now=NOW + 9, **changed)
    waits = course(seen(edited, "v3", ready=False, why="it starts"), memory, None)
    assert waits.obstacle is not None
    assert (waits.obstacle.reason, waits.memory.assigned) == ("ArmNotReady", None)
    assert course(edited, waits.memory, None).began == "Began"


@pytest.mark.parametrize(
    ("enabled", "changed"),
    [(False, {}), (True, {"objection": "a rival"}), (True, {"trouble": "Redis is away"})],
    ids=["disabled", "objection", "redis"],
)
def test_evidence_of_another_question_is_not_known(enabled: bool, changed: dict[str, Any]) -> None:
    memory, evidence = begun()
    edited = replace(facts(now=NOW + 9, goal={"kind": "score"}, enabled=enabled), **changed)
    wanted = course(edited, memory, None)
    assert (wanted.known, wanted.memory.comparing) == (False, memory.comparing)
    assert course(replace(facts(enabled=enabled), **changed), memory, evidence).known
    begins = course(facts(now=NOW + 9, goal={"kind": "score"}), memory, None)
    assert (begins.known, begins.began) == (True, "Began")


def test_a_pause_keeps_the_evidence_until_all_has_ripened() -> None:
    memory, evidence = begun()
    stopped = course(facts(enabled=False), memory, evidence).memory
    assert (stopped.identity, stopped.idle_since) == (memory.identity, NOW)
    soon = course(facts(now=NOW + 50), stopped, evidence)
    assert (soon.began, soon.memory.idle_since) == ("", None)
    late = NOW + 100 + RIPE_SECONDS + 1
    over = course(facts(now=late, enabled=False), stopped, evidence).memory
    assert (over.identity, over.idle_since) == ("", None)
    assert course(facts(now=late), over, evidence).began == "Began"


@pytest.mark.parametrize(
    ("changed", "began"),
    [
        ({"goal": {"kind": "score"}}, "Began"),
        ({"arms": [{"version": "v1"}, {"version": "v3"}]}, "Began"),
        ({"arms": [{"version": "v1"}, {"version": "v2", "weight": 9}]}, ""),
        ({"epoch": "2h", "minimum_share": "1%"}, ""),
    ],
    ids=["goal", "arms", "weights", "epochs"],
)
def test_evidence_is_of_one_question(changed: dict[str, Any], began: str) -> None:
    memory, evidence = begun()
    assert course(facts(now=NOW + 1, **changed), memory, evidence).began == began


def test_what_is_lost_begins_anew_and_trouble_only_waits() -> None:
    memory, evidence = begun()
    later = facts(now=NOW + 1)
    assert course(replace(later, lost=True), memory, evidence).began == "EvidenceLost"
    assert course(later, memory, None).began == "EvidenceLost"
    held = course(replace(later, trouble="Redis is away"), memory, evidence)
    assert (held.memory, held.watch, held.obstacle) == (memory, None, None)


def test_epochs_begin_with_the_weights_that_are_written() -> None:
    of = facts(strategy="weighted", arms=[{"version": "v1", "weight": 4}, {"version": "v2"}])
    memory, evidence = begun(of)
    assert memory.epoch is not None
    assert memory.assigned is not None
    assert memory.epoch.weights == memory.assigned.weights
    assert memory.assigned.weights["v1"] == pytest.approx(0.05 + 0.9 * 0.8)
    next_one = course(replace(of, now=NOW + 3600), memory, evidence)
    assert next_one.memory.epoch is not None
    assert (next_one.memory.epoch.number, next_one.began) == (2, "")
