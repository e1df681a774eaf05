"""Simulated users of an experiment, through the very fold that gateways' events go through."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from trellis.contracts.events import Exposure, Outcome, digest_of_shares
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.rollout.events.blocks import FoldState
from trellis.rollout.events.fold import fold
from trellis.rollout.events.store import News
from trellis.rollout.events.units import UnitMemory
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.watching import watch_of

#: The value of a unit's outcome at a version: a conversion's truth, a score, a label; None for none.
Behaviour = Callable[[str, random.Random], Any]


def spec_of(*versions: str, **changed: Any) -> ExperimentSpec:
    fields: dict[str, Any] = {
        "model": "tomato",
        "arms": [{"version": version} for version in versions or ("v1", "v2")],
        "attribution_window": "100s",
        **changed,
    }
    return ExperimentSpec.model_validate(fields)


class People:
    """New units come ten a second; each sends one request, whose outcome comes a little later."""

    def __init__(self, spec: ExperimentSpec, behaviour: Behaviour, seed: int = 1) -> None:
        self.spec = spec
        self.evidence = ExperimentEvidence.start(spec)
        self.now = 0.0
        self.era = 1
        self.shares = {arm.version: 1 / len(spec.arms) for arm in spec.arms}
        self.gateways: Mapping[str, float] = self.shares  # the table that they have
        self.unseen: Mapping[
            str, float
        ] = {}  # by version, the share of units whose events are lost
        self.failing: Mapping[str, float] = {}
        self._behaviour = behaviour
        self._chance = random.Random(seed)
        self._state = FoldState()
        self._units: dict[str, UnitMemory] = {}
        self._ripening: dict[str, float] = {}

    def reweight(self, shares: Mapping[str, float], *, heard: bool = True) -> None:
        """Unless gateways have not ``heard`` of it yet."""
        self.shares, self.era = dict(shares), self.era + 1
        if heard:
            self.gateways = self.shares

    def come(self, number: int) -> ExperimentEvidence:
        """So many units, folded by the hundred."""
        for _ in range(number // 100):
            self._fold([event for _ in range(100) for event in self._one()])
        return self.evidence

    def wait(self, seconds: float) -> ExperimentEvidence:
        """Until the windows of all that came are over."""
        self.now += seconds
        self._fold([])
        return self.evidence

    def _one(self) -> list[Exposure | Outcome]:
        self.now += 0.1
        (version,) = self._chance.choices(list(self.gateways), list(self.gateways.values()))
        if self._chance.random() < self.unseen.get(version, 0.0):
            return []
        unit = f"{self._chance.getrandbits(64):016x}"
        code = 500 if self._chance.random() < self.failing.get(version, 0.0) else 200
        common: dict[str, Any] = {
            "request_id": unit,
            "unit": unit,
            "sticky": True,
            "experiment": "colours",
            "model": "tomato",
            "arm": f"tomato-{version}",
            "version": version,
            "revision": f"tomato-{version}",
            "propensity": self.gateways[version],
            "shares": digest_of_shares({f"tomato-{v}": part for v, part in self.gateways.items()}),
        }
        met = Exposure(
            **common, table_version=1, time=self.now, code=code, seconds=0.01, predicted="a"
        )
        value = self._behaviour(version, self._chance)
        if value is None:
            return [met]
        kind = {"conversion": "conversion", "score": "score", "label": "label"}[self.spec.goal.kind]
        told = {"kind": kind, "value": value, "time": self.now + 50, "exposed_at": self.now}
        return [met, Outcome.model_validate({**common, **told, "predicted": "a"})]

    def _fold(self, events: list[Exposure | Outcome]) -> None:
        revisions = {f"tomato-{version}": version for version in self.shares}
        shares = {f"tomato-{version}": share for version, share in self.shares.items()}
        watch = watch_of("experiment", "colours", self.spec, revisions, shares, self.era)
        due = [member for member, second in self._ripening.items() if second <= self.now]
        folded = fold(watch, self._state, self._units, events, due)
        self._state = folded.state
        self._units |= folded.units
        self._ripening |= folded.ripening
        for member in folded.ripened:
            del self._ripening[member]
        self.evidence = self.evidence.add(folded.state.blocks)
        self._state.blocks = []

    @property
    def news(self) -> News:
        return News((), self._state.exposures, 0, 0)


def converting(**rates: float) -> Behaviour:
    """True for some; nothing at all for the rest, as feedback is."""

    def behave(version: str, chance: random.Random) -> bool | None:
        return True if chance.random() < rates[version] else None

    return behave
