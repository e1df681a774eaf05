"""Experiments of simulated users: the better arm is found, equal ones are not told apart, halts."""

import json
import random

import pytest

from tests.unit.rollout.experiments.people import People, converting, spec_of
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.rollout.events.blocks import UNITS, Block
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.watching import GOAL
from trellis.rollout.looks import Moments


def test_the_arm_that_converts_more_wins_once_windows_are_over() -> None:
    people = People(spec_of("v1", "v2", "v3"), converting(v1=0.1, v2=0.2, v3=0.1))
    assert people.come(900).winner is None  # most windows are open
    people.come(3000)
    evidence = people.wait(100)
    assert evidence.winner == "v2"
    assert not evidence.halted
    interval, difference = evidence.interval("v2"), evidence.difference("v2")
    assert interval is not None
    assert difference is not None
    assert interval[0] < 0.2 < interval[1]
    assert 0 < difference[0] < 0.1 < difference[1]


def test_until_its_window_is_over_nobody_has_failed_to_convert() -> None:
    people = People(spec_of(), converting(v1=1.0, v2=1.0))
    evidence = people.come(900)  # 90 s, with a window of 100 s
    assert all(of.number == 0 for of in evidence.ripe.values())
    assert sum(evidence.units.values()) >= 880
    evidence = people.wait(100)
    assert sum(of.total for of in evidence.ripe.values()) == sum(
        of.number for of in evidence.ripe.values()
    )


@pytest.mark.parametrize("goal", ["conversion", "label", "score"])
@pytest.mark.parametrize("strategy", ["hash", "weighted"])
def test_each_goal_finds_its_better_arm(goal: str, strategy: str) -> None:
    def behave(version: str, chance: random.Random) -> object:
        good = chance.random() < (0.5 if version == "v2" else 0.3)
        if goal == "conversion":
            return good
        if goal == "label":
            return "a" if good else "b"
        return chance.gauss(1.0 if version == "v2" else 0.7, 1.0)

    people = People(spec_of(goal={"kind": goal}, strategy=strategy), behave)
    people.come(3000)
    evidence = people.wait(100)
    assert evidence.winner == "v2"
    estimate = evidence.estimate("v2")
    assert estimate == pytest.approx(1.0 if goal == "score" else 0.5, abs=0.1)


@pytest.mark.parametrize("goal", ["conversion", "score"])
@pytest.mark.parametrize("strategy", ["hash", "weighted"])
def test_where_less_is_better_the_lower_arm_wins(goal: str, strategy: str) -> None:
    def behave(version: str, chance: random.Random) -> object:
        low = version == "v2"
        if goal == "conversion":
            return chance.random() < (0.2 if low else 0.5)
        return chance.gauss(1.0 if low else 1.4, 1.0)

    people = People(spec_of(goal={"kind": goal, "better": "lower"}, strategy=strategy), behave)
    people.come(3000)
    evidence = people.wait(100)
    assert evidence.winner == "v2"
    difference = evidence.difference("v2")
    assert difference is not None
    assert difference[1] < 0


def of_equal_arms(spec: ExperimentSpec, seed: int) -> ExperimentEvidence:
    """Sixty looks of ten to thirty ripe units, whose shares move from look to look, as the table's do."""
    chance = random.Random(seed)
    evidence = ExperimentEvidence.start(spec)
    for number in range(1, 61):
        share = chance.uniform(0.1, 0.9)
        rate = chance.uniform(0.1, 0.6)  # the time of day, alike for both
        tallies = {"v1": [0.0, 0.0], "v2": [0.0, 0.0]}
        for _ in range(chance.randint(10, 30)):
            of = tallies["v1" if chance.random() < share else "v2"]
            of[0] += 1
            of[1] += chance.random() < rate
        shares = {"v1": share, "v2": 1 - share}
        goal = {arm: tuple(values) for arm, values in tallies.items()}
        evidence = evidence.add([Block(number, number, shares, {GOAL: goal})])
    return evidence


@pytest.mark.parametrize("strategy", ["hash", "weighted"])
def test_equal_arms_seldom_win_however_often_one_looks(strategy: str) -> None:
    """At most alpha: of 100 trials at 0.2, over 35 wins have a chance of 2e-4 at most."""
    spec = spec_of(alpha=0.2, strategy=strategy)
    assert sum(of_equal_arms(spec, seed).winner is not None for seed in range(100)) <= 35


def test_units_of_an_arm_that_are_not_seen_halt_it() -> None:
    people = People(spec_of(), converting(v1=0.3, v2=0.3))
    people.unseen = {"v2": 0.3}
    evidence = people.come(3000)
    assert evidence.halted.startswith("SampleRatioMismatch: units came as v1 ")
    assert evidence.winner is None


def test_gateways_that_follow_late_halt_nothing_though_an_arm_keeps_its_share() -> None:
    people = People(spec_of("v1", "v2", "v3"), converting(v1=0.1, v2=0.1, v3=0.1))
    people.reweight({"v1": 0.1, "v2": 0.45, "v3": 0.45})
    people.come(1000)
    people.reweight({"v1": 0.1, "v2": 0.2, "v3": 0.7}, heard=False)
    before = people.come(200).units
    assert people.come(1000).units == before
    people.gateways = people.shares
    evidence = people.come(2000)
    assert sum(evidence.units.values()) >= sum(before.values()) + 1900
    assert not evidence.halted


def test_an_arm_that_errs_halts_it_and_stays_said() -> None:
    spec = spec_of("v1", "v2", "v3", guardrails=[{"metric": "errors"}])
    people = People(spec, converting(v1=0.3, v2=0.3, v3=0.3))
    people.failing = {"v1": 0.01, "v2": 0.01, "v3": 0.2}
    evidence = people.come(2000)
    assert evidence.halted.startswith("GuardrailHarm: v3 against v1: errors: canary ")
    people.failing = {}
    assert people.come(2000).halted == evidence.halted


def test_a_block_is_read_once() -> None:
    evidence = ExperimentEvidence.start(spec_of())
    block = Block(
        1,
        1,
        {"v1": 0.5, "v2": 0.5},
        {UNITS: {"v1": (3.0,), "v2": (4.0,)}, GOAL: {"v1": (2.0, 1.0)}},
    )
    evidence = evidence.add([block]).add([block])
    assert evidence.units == {"v1": 3, "v2": 4}
    assert evidence.ripe["v1"] == Moments(2, 1, 1)


@pytest.mark.parametrize("strategy", ["hash", "weighted"])
@pytest.mark.parametrize("goal", ["conversion", "score"])
def test_a_restart_in_between_changes_nothing(goal: str, strategy: str) -> None:
    def behave(_version: str, chance: random.Random) -> object:
        return chance.random() < 0.4 if goal == "conversion" else chance.gauss(1, 1)

    spec = spec_of(goal={"kind": goal}, strategy=strategy, guardrails=[{"metric": "errors"}])
    straight, restarted = People(spec, behave), People(spec, behave)
    for _ in range(8):
        straight.come(200)
        restarted.come(200)
        state = json.dumps(restarted.evidence.to_state())
        restarted.evidence = ExperimentEvidence.from_state(json.loads(state), spec)
    assert restarted.evidence.to_state() == straight.evidence.to_state()
    with pytest.raises(ValueError, match=r"arms|state is of"):
        ExperimentEvidence.from_state(
            json.loads(state), spec_of("v1", "v9", strategy=strategy, goal={"kind": goal})
        )
