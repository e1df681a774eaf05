"""All that is known of one experiment, block by block.

The sample's ratio is held by units as they came, each once. Guardrails hold each arm against the first,
with ``alpha`` shared among the arms. What halts the experiment, and who won it, stays said: the e-values
that said so may fall again, and are no less right for that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.rollout.events.blocks import UNITS, Block
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.evidence.split import SplitEvidence
from trellis.rollout.experiments import goal
from trellis.rollout.experiments.comparison import GoalEvidence, Interval
from trellis.rollout.experiments.watching import GOAL
from trellis.rollout.looks import Count, Look, Moments, SideLook

#: Largest probability of a halt where the sample's ratio is right.
RATIO_ALPHA = 0.01


@dataclass(frozen=True, eq=False)
class ExperimentEvidence:
    """Immutable. ``read`` is the last block's number; ``units`` and ``ripe`` (the goal's values as they
    came) are by version. ``halted`` says why, in words; ``winner`` is a version.
    """

    spec: ExperimentSpec
    goal: GoalEvidence
    split: SplitEvidence
    guardrails: Mapping[str, RolloutEvidence]
    units: Mapping[str, int]
    ripe: Mapping[str, Moments]
    read: int = 0
    halted: str = ""
    winner: str | None = None

    @classmethod
    def start(cls, spec: ExperimentSpec) -> Self:
        """Nothing seen yet."""
        arms = [arm.version for arm in spec.arms]
        alpha = spec.alpha / (len(arms) - 1)
        rails = (
            {arm: RolloutEvidence.start(spec.guardrails, alpha) for arm in arms[1:]}
            if spec.guardrails
            else {}
        )
        return cls(
            spec,
            goal.start(spec, arms),
            SplitEvidence(),
            rails,
            units=dict.fromkeys(arms, 0),
            ripe=dict.fromkeys(arms, Moments(0.0, 0.0, 0.0)),
        )

    def add(self, blocks: Iterable[Block]) -> Self:
        """With the blocks that were not read yet, in order. Raises ``ValueError`` for what cannot be."""
        evidence = self
        for block in blocks:
            if block.seq > evidence.read:
                evidence = evidence.with_block(block).judged()
        return evidence

    def estimate(self, arm: str) -> float | None:
        """The arm's rate, or mean score, as well as it is known; None where nothing has ripened."""
        ripe, found = self.ripe[arm], self.goal.estimate(arm)
        if found is None:
            return ripe.total / ripe.number if ripe.number else None
        return 1 - found if self._turned else found

    def interval(self, arm: str) -> Interval | None:
        """Of the arm's rate: of conversions, of right labels. None for scores."""
        found = self.goal.interval(arm, self.spec.alpha)
        if found is None or not self._turned:
            return found
        return 1 - found[1], 1 - found[0]

    def difference(self, arm: str) -> Interval | None:
        """Of what the arm's rate, or mean score, has over the first's."""
        found = self.goal.difference(arm, self.spec.arms[0].version, self.spec.alpha)
        if found is None or not self._turned:
            return found
        return -found[1], -found[0]

    @property
    def _turned(self) -> bool:
        """Whether less is better."""
        return self.spec.goal.better == "lower"

    def with_block(self, block: Block) -> Self:
        """With one block, before anything is called."""
        tallies = block.tallies
        met = {side: int(values[0]) for side, values in tallies.get(UNITS, {}).items()}
        ripe = {side: self._values(values) for side, values in tallies.get(GOAL, {}).items()}
        return replace(
            self,
            read=block.seq,
            split=self.split.add(met, block.shares) if met else self.split,
            units={arm: number + met.get(arm, 0) for arm, number in self.units.items()},
            goal=self.goal.add(
                {arm: self._higher(values) for arm, values in ripe.items()}, block.shares
            )
            if ripe
            else self.goal,
            ripe={
                arm: Moments(*map(sum, zip(so_far, ripe.get(arm, (0.0,) * 3), strict=True)))
                for arm, so_far in self.ripe.items()
            },
            guardrails={
                arm: rails.look(self._look(block, arm)) for arm, rails in self.guardrails.items()
            },
        )

    def _values(self, values: tuple[float, ...]) -> Moments:
        """Of events among units, those of zeros and ones; of labels, of right ones."""
        if len(values) == 3:
            return Moments(*values)
        number, events = values
        if self.spec.goal.kind == "label":
            events = number - events
        return Moments(number, events, events)

    def _higher(self, of: Moments) -> Moments:
        """Turned so that higher is better."""
        if not self._turned:
            return of
        if self.spec.goal.kind == "score":
            return Moments(of.number, -of.total, of.squares)
        return Moments(of.number, of.number - of.total, of.number - of.total)

    def _look(self, block: Block, arm: str) -> Look:
        first = self.spec.arms[0].version
        return Look("units", canary=_side(block, arm), stable=_side(block, first))

    def judged(self) -> Self:
        """With a halt or a winner that the last block gave."""
        if self.halted:
            return self
        why = self._harm()
        if why:
            return replace(self, halted=why)
        winner = self.winner or self.goal.best(self.spec.alpha)
        return self if winner == self.winner else replace(self, winner=winner)

    def _harm(self) -> str:
        if self.split.mismatch(RATIO_ALPHA):
            counts = ", ".join(f"{arm} {number}" for arm, number in self.units.items())
            meant = ", ".join(f"{arm} {share:.1%}" for arm, share in self.split.shares.items())
            return (
                f"SampleRatioMismatch: units came as {counts} where {meant} were meant; something keeps"
                " units of an arm from being seen, so that no comparison of the arms holds"
            )
        for arm, rails in self.guardrails.items():
            for verdict in rails.judge():
                if verdict.state == "harm":
                    return f"GuardrailHarm: {arm} against {self.spec.arms[0].version}: {verdict.message}"
        return ""

    def to_state(self) -> dict[str, Any]:
        """JSON-able and without loss: 3 KB for each guardrail of each arm but the first, and some."""
        return {
            "goal": self.goal.to_state(),
            "split": self.split.to_state(),
            "guardrails": {arm: rails.to_state() for arm, rails in self.guardrails.items()},
            "units": dict(self.units),
            "ripe": {arm: list(values) for arm, values in self.ripe.items()},
            "read": self.read,
            "halted": self.halted,
            "winner": self.winner,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], spec: ExperimentSpec) -> Self:
        """What ``to_state`` gave, of the same arms and goal.

        Raises ``ValueError``, ``KeyError`` or ``TypeError`` where it is none.
        """
        empty = cls.start(spec)
        arms = [arm.version for arm in spec.arms]
        return replace(
            empty,
            goal=goal.recall(spec, arms, state["goal"]),
            split=SplitEvidence.from_state(state["split"]),
            guardrails={
                arm: RolloutEvidence.from_state(
                    state["guardrails"].get(arm, {}), spec.guardrails, rails.alpha
                )
                for arm, rails in empty.guardrails.items()
            },
            units={arm: int(state["units"][arm]) for arm in arms},
            ripe={arm: Moments(*state["ripe"][arm]) for arm in arms},
            read=int(state["read"]),
            halted=str(state["halted"]),
            winner=state["winner"],
        )


def _side(block: Block, arm: str) -> SideLook:
    counts: dict[str, Count] = {}
    moments: dict[str, Moments] = {}
    for measure, sides in block.tallies.items():
        values = sides.get(arm)
        if measure in {UNITS, GOAL} or values is None:
            continue
        if len(values) == 2:
            counts[measure] = Count(values[1], values[0])
        else:
            moments[measure] = Moments(*values)
    return SideLook(counts, moments)
