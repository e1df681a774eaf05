"""The evidence over time, for pictures: a bounded number of points, the older ones sparser. Pure."""

from collections.abc import Sequence
from typing import TypeVar

from trellis.contracts.experiment_resource import ArmEvidence, ArmPoint
from trellis.contracts.rollout_status import GuardrailVerdict, TracePoint

#: Points of one rollout or experiment, at most; ten guardrails or arms have forty each.
MOST = 400

Point = TypeVar("Point", TracePoint, ArmPoint)


def traced(
    trace: Sequence[TracePoint], verdicts: Sequence[GuardrailVerdict], weight: int, now: float
) -> tuple[TracePoint, ...]:
    """The trace of a rollout with a moment more."""
    added = [
        TracePoint(
            time=now,
            weight=weight,
            name=verdict.name,
            estimate=verdict.estimate,
            interval=verdict.interval,
            log_e_harm=verdict.log_e_harm,
            requests=verdict.canary.total,
        )
        for verdict in verdicts
    ]
    return _bounded([*trace, *added])


def traced_arms(
    trace: Sequence[ArmPoint], arms: Sequence[ArmEvidence], now: float
) -> tuple[ArmPoint, ...]:
    """The trace of an experiment with a moment more."""
    added = [
        ArmPoint(
            time=now,
            version=arm.version,
            weight=arm.weight,
            exposures=arm.exposures,
            estimate=arm.estimate,
            interval=arm.interval,
        )
        for arm in arms
    ]
    return _bounded([*trace, *added])


def _bounded(points: Sequence[Point]) -> tuple[Point, ...]:
    """Beyond ``MOST`` points every other moment of the older half goes."""
    if len(points) <= MOST:
        return tuple(points)
    moments = sorted({point.time for point in points})
    dropped = set(moments[1 : len(moments) // 2 : 2])
    return tuple(point for point in points if point.time not in dropped)
