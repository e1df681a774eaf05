"""When a stage may be done: what grew since it began goes on growing alike."""

import math

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import GuardrailVerdict
from trellis.rollout.plan.memory import Baseline, Memory

#: Metrics whose totals are requests; of the others they are pods' seconds, or ripe outcomes.
_BY_REQUEST = frozenset(("errors", "latency", "meanLatency"))


def canary_requests(spec: RolloutSpec, evidence: tuple[GuardrailVerdict, ...]) -> float:
    """The requests that the canary has answered, as the guardrail that saw the fewest counts them."""
    return min((verdict.canary.total for verdict in _counting(spec, evidence)), default=0.0)


def stable_requests(spec: RolloutSpec, evidence: tuple[GuardrailVerdict, ...]) -> float:
    """Those that stable has answered beside them, likewise."""
    return min((verdict.stable.total for verdict in _counting(spec, evidence)), default=0.0)


def _counting(
    spec: RolloutSpec, evidence: tuple[GuardrailVerdict, ...]
) -> tuple[GuardrailVerdict, ...]:
    """The verdicts that count requests; all where none does."""
    by_request = {
        guardrail.name for guardrail in spec.guardrails if guardrail.metric in _BY_REQUEST
    }
    return tuple(verdict for verdict in evidence if verdict.name in by_request) or evidence


def baseline(evidence: tuple[GuardrailVerdict, ...]) -> dict[str, Baseline]:
    """What to measure growth from, by guardrail."""
    return {
        verdict.name: Baseline(log_e_within=verdict.log_e_within, requests=verdict.canary.total)
        for verdict in evidence
    }


def seconds_until_within(
    spec: RolloutSpec, memory: Memory, evidence: tuple[GuardrailVerdict, ...], now: float
) -> float | None:
    """Until the last guardrail is within its margin; None where one does not get nearer.

    The logarithm of an e-value grows linearly in the expectation, by the information of a request.
    """
    needed = -math.log(spec.alpha)
    longest = 0.0
    for verdict in evidence:
        if verdict.state == "within":
            continue
        start = memory.baseline.get(verdict.name)
        grown = verdict.log_e_within - start.log_e_within if start else 0.0
        left = _linear(needed - verdict.log_e_within, grown, memory.baseline_at, now)
        if left is None:
            return None
        longest = max(longest, left)
    return longest


def seconds_until_requests(
    spec: RolloutSpec,
    memory: Memory,
    evidence: tuple[GuardrailVerdict, ...],
    required: int,
    now: float,
) -> float | None:
    """Until the canary has answered ``required`` requests; None where none come."""
    names = [verdict.name for verdict in evidence if verdict.name in memory.baseline]
    if not names:
        return None
    then = tuple(
        verdict.model_copy(
            update={
                "canary": verdict.canary.model_copy(
                    update={"total": memory.baseline[verdict.name].requests}
                )
            }
        )
        for verdict in evidence
        if verdict.name in names
    )
    have = canary_requests(spec, evidence)
    return _linear(required - have, have - canary_requests(spec, then), memory.baseline_at, now)


def _linear(left: float, grown: float, since: float | None, now: float) -> float | None:
    if left <= 0:
        return 0.0
    if since is None or grown <= 0 or now <= since:
        return None
    return left * (now - since) / grown
