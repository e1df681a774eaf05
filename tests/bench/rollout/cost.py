"""What the evidence itself costs: time for a look, bytes of its state."""

import json
import time
import timeit
from dataclasses import dataclass
from statistics import median

import numpy as np

from trellis.contracts.rollout import Guardrail, Margin
from trellis.rollout.evidence.guardrails import RolloutEvidence
from trellis.rollout.looks import Look
from trellis.rollout.simulate.behaviour import Traffic
from trellis.rollout.simulate.requests import RequestTraffic

#: As many of each kind as one rollout may have in all.
KINDS: dict[str, tuple[Guardrail, ...]] = {
    "errors, a margin": (Guardrail(metric="errors", margin=Margin(ratio=1.5)),),
    "errors, a margin and a negligible share": (Guardrail(metric="errors", negligible="0.1%"),),
    "latency, a limit": (Guardrail(metric="latency", over="100ms", limit="1%"),),
    "mean latency": (Guardrail(metric="meanLatency"),),
    "ten at once": tuple(
        Guardrail(metric="latency", over=f"{milliseconds}ms", negligible="0.1%")
        for milliseconds in (1, 2, 5, 10, 20, 50, 100, 250, 500, 1000)
    ),
}


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time for each look and guardrail; bytes of the whole state as JSON."""

    title: str
    look: float
    judge: float
    state: int


def measure(looks: int = 200, rounds: int = 15) -> list[Cost]:
    """The middle of the rounds."""
    return [_cost(title, guardrails, looks, rounds) for title, guardrails in KINDS.items()]


def _cost(title: str, guardrails: tuple[Guardrail, ...], looks: int, rounds: int) -> Cost:
    invented = RequestTraffic(guardrails, Traffic(), 0, np.random.default_rng(1))
    history = [invented.look(20, 5) for _ in range(looks)]
    start = RolloutEvidence.start(guardrails, 0.05)
    evidence = _after(start, history)
    each = len(guardrails) / 1e6
    clock = time.process_time  # what others do on the machine is not counted
    taken = timeit.repeat(lambda: _after(start, history), timer=clock, number=1, repeat=rounds)
    judged = timeit.repeat(evidence.judge, timer=clock, number=looks, repeat=rounds)
    return Cost(
        title,
        median(taken) / looks / each,
        median(judged) / looks / each,
        len(json.dumps(evidence.to_state())),
    )


def _after(evidence: RolloutEvidence, history: list[Look]) -> RolloutEvidence:
    for look in history:
        evidence = evidence.look(look)
    return evidence
