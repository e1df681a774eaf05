"""A rollout from its first weight to its end, with invented or recorded looks.

Evidence and plan are the ones that a cluster's rollout has; only the service and its counters stand
on paper.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import GuardrailVerdict, RolloutStatus
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.metrics.looks import ENOUGH
from trellis.rollout.plan import decide
from trellis.rollout.planning.power import required_requests
from trellis.rollout.simulate.behaviour import Traffic
from trellis.rollout.simulate.records import RecordedLook
from trellis.rollout.simulate.requests import RequestTraffic
from trellis.rollout.simulate.service import PaperService
from trellis.rollout.simulate.units import UnitTraffic

#: Passes at one moment until the plan asks for nothing more; it needs a few at most.
_PASSES = 20
#: Seconds between two looks of the direct scrape.
_SPAN = 5.0
#: Any moment will do; far enough from 1970 for a clock that no rule takes for broken.
_EPOCH = 1_000_000_000.0


class Counters(Protocol):
    """Where looks come from."""

    def next(self, weight: int) -> RecordedLook | None:
        """The next look, with the weight that it was taken at; None: there are no more."""


class Recorded:
    """A history as it was, whatever weight the plan would have asked for."""

    def __init__(self, history: Iterable[RecordedLook]) -> None:
        self._history = iter(history)

    def next(self, weight: int) -> RecordedLook | None:
        """The next look of the history."""
        return next(self._history, None)


class Invented:
    """Looks of ``span`` seconds at the plan's weight; the same ``seed`` invents the same.

    By default a look takes 5 s, or what the metrics' least number of requests for a look takes. With
    a ``population`` in the traffic, all looks are by user. Raises ``ValueError`` where a guardrail
    cannot be invented.
    """

    def __init__(
        self, spec: RolloutSpec, traffic: Traffic, seed: int, span: float | None = None
    ) -> None:
        random = np.random.default_rng(seed)
        self._traffic: RequestTraffic | UnitTraffic = (
            RequestTraffic(spec.guardrails, traffic, seconds(spec.warm_up), random)
            if traffic.population is None
            else UnitTraffic(spec.guardrails, traffic, random)
        )
        self._span = span or max(_SPAN, ENOUGH / traffic.requests_per_second)
        self._at = 0.0

    def next(self, weight: int) -> RecordedLook | None:
        """Invents one more; it never ends."""
        self._at += self._span
        return RecordedLook.of(self._at, weight, self._traffic.look(weight, self._span))


@dataclass(frozen=True)
class Moment:
    """``at`` seconds after the first weight: a look, and what the plan made of it."""

    at: float
    recorded: RecordedLook
    guardrails: tuple[GuardrailVerdict, ...]
    status: RolloutStatus

    @property
    def over(self) -> bool:
        """Whether the rollout has ended, one way or the other."""
        return self.status.phase in {"Promoted", "RolledBack"}


def rehearse(spec: RolloutSpec, counters: Counters, longest: float) -> Iterator[Moment]:
    """A moment a look, until the rollout or its looks end, at the latest after ``longest`` seconds."""
    rollout = _Rehearsal(spec)
    rollout.settle(0.0, None)
    while (recorded := counters.next(rollout.status.weight)) and recorded.at <= longest:
        moment = rollout.take(recorded)
        yield moment
        if moment.over:
            return


class _Rehearsal:
    """The controller's part: status and service from one moment to the next."""

    def __init__(self, spec: RolloutSpec) -> None:
        self._spec = spec
        self._service = PaperService()
        self._evidence = RolloutEvidence.start(spec.guardrails, spec.alpha)
        self.status = RolloutStatus()

    def take(self, recorded: RecordedLook) -> Moment:
        """Weigh a look, and do what follows from it."""
        if not self.status.evidence:
            self._evidence = RolloutEvidence.start(self._spec.guardrails, self._spec.alpha)
        self._evidence = self._evidence.look(recorded.look())
        state = self._evidence.to_state()
        self.status = self.status.model_copy(update={"evidence": state})
        judged = self._evidence.judge()
        self.settle(recorded.at, judged)
        return Moment(recorded.at, recorded, judged, self.status)

    def settle(self, at: float, judged: tuple[GuardrailVerdict, ...] | None) -> None:
        """Decide and follow until nothing but words changes any more."""
        for _ in range(_PASSES):
            decision = decide(
                self._spec,
                self.status,
                self._service.seen(),
                judged,
                (),
                _EPOCH + at,
                self._service.gateways,
                required_requests=self._required(judged),
            )
            before, self._service = self._service, self._service.after(decision)
            self.status = decision.status
            if self._service == before and not decision.pressing:
                return

    def _required(self, judged: tuple[GuardrailVerdict, ...] | None) -> int | None:
        if self._spec.advance != "noHarm" or not judged or not self.status.weight:
            return None
        rates = {
            verdict.name: verdict.stable.events / verdict.stable.total
            for verdict in judged
            if verdict.stable.total
        }
        return required_requests(self._spec, rates, self.status.weight)
