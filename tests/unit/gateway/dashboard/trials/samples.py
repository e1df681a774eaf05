"""A rollout and an experiment as the controller tells of them, with an hour of evidence."""

import math
from typing import Any

from trellis.contracts.experiment_resource import (
    ArmEvidence,
    ArmPoint,
    ExperimentResourceStatus,
    ExperimentSpec,
    ExperimentView,
)
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import (
    GuardrailVerdict,
    HistoryEntry,
    RolloutStatus,
    RolloutView,
    Side,
    Tally,
    TracePoint,
    Verdict,
)

BEGAN = 1_800_000_000.0
NEEDED = math.log(60)
RAILS: tuple[dict[str, Any], ...] = (
    {"metric": "errors", "margin": {"ratio": 1.5}, "negligible": "0.1%"},
    {"metric": "latency", "over": "250ms", "limit": "1%"},
    {"metric": "meanLatency", "margin": {"absolute": "20ms"}},
)


def verdicts(minute: int, *, harm: bool = False) -> tuple[GuardrailVerdict, ...]:
    """What is known after so many minutes; with ``harm`` the canary errs three times as often."""
    requests = 50.0 * (minute + 1)
    spread = 6 / math.sqrt(minute + 1)
    ratio = 3.0 if harm else 1.1
    shared = {"log_e_needed": NEEDED, "stable": Tally(events=4, total=19 * requests)}
    errors = GuardrailVerdict(
        name="errors",
        state="harm" if harm and minute > 45 else "undecided",
        canary=Tally(events=requests // 100, total=requests),
        log_e_harm=-1 + (0.12 if harm else -0.02) * minute,
        log_e_within=0.03 * minute,
        estimate=ratio,
        interval=(ratio * math.exp(-spread), ratio * math.exp(spread)),
        margin=1.5,
        message="errors: canary 30 of 3,000 requests (1 %), stable 4 of 57,000 (0.007 %)",
        **shared,
    )
    latency = GuardrailVerdict(
        name="latency>250ms",
        state="within",
        canary=Tally(events=3, total=requests),
        log_e_harm=-0.1 * minute,
        log_e_within=0.1 * minute,
        estimate=0.004,
        interval=(0.001, 0.004 + 0.01 / math.sqrt(minute + 1)),
        margin=0.01,
        message="latency>250ms: canary 3 of 3,000 requests (0.1 %); limit 1 %",
        **shared,
    )
    mean = GuardrailVerdict(
        name="meanLatency",
        state="blind",
        log_e_harm=0.0,
        log_e_needed=NEEDED,
        margin=0.02,
        message="meanLatency: the canary's pods export no such metric",
    )
    return errors, latency, mean


def rollout(
    name: str = "tomato",
    service: str = "tomato",
    *,
    harm: bool = False,
    minutes: int = 60,
    **status: Any,
) -> RolloutView:
    """At the third of three steps, after an hour; ``status`` replaces fields of it."""
    trace = tuple(
        TracePoint(
            time=BEGAN + 60 * minute,
            weight=5 if minute < 20 else 20 if minute < 45 else 50,
            name=verdict.name,
            estimate=verdict.estimate,
            interval=verdict.interval,
            log_e_harm=verdict.log_e_harm,
            requests=verdict.canary.total,
        )
        for minute in range(minutes)
        for verdict in verdicts(minute, harm=harm)
    )
    fields: dict[str, Any] = {
        "phase": "Progressing",
        "message": "v2 has 50 % of traffic (step 3 of 3) for 15m: 1 of 3 guardrails is within",
        "stable": Side(revision=f"{service}-00001", version="v1", identity="a"),
        "canary": Side(revision=f"{service}-00002", version="v2", identity="b"),
        "step": 3,
        "weight": 50,
        "verdict": Verdict(
            kind="insufficient-evidence",
            message="errors is undecided",
            guardrails=verdicts(minutes - 1, harm=harm),
            estimated_seconds=1500.0,
        ),
        "trace": trace,
        "history": (
            HistoryEntry(time=BEGAN, what="began", version="v2", message="v2 is on trial"),
            HistoryEntry(time=BEGAN + 1, what="weight", version="v2", weight=5),
            HistoryEntry(
                time=BEGAN + 1200,
                what="advanced",
                version="v2",
                weight=20,
                message="all guardrails are within their margins",
            ),
            HistoryEntry(time=BEGAN + 1300, what="paused", version="v2", actor="ada"),
            HistoryEntry(time=BEGAN + 1400, what="resumed", version="v2", actor="ada"),
        ),
    }
    spec = RolloutSpec.model_validate({"inferenceService": service, "guardrails": RAILS})
    return RolloutView(name=name, spec=spec, status=RolloutStatus(**{**fields, **status}))


def experiment(**status: Any) -> ExperimentView:
    """Two arms with conversions; the second one wins."""
    trace = tuple(
        ArmPoint(
            time=BEGAN + 600 * moment,
            version=version,
            weight=0.5,
            exposures=100 * moment,
            estimate=rate,
            interval=(
                max(0.0, rate - 0.2 / math.sqrt(moment)),
                min(1.0, rate + 0.2 / math.sqrt(moment)),
            ),
        )
        for moment in range(1, 60)
        for version, rate in (("v1", 0.1), ("v2", 0.16))
    )
    arms = tuple(
        ArmEvidence(
            version=version,
            revision=f"tomato-{version}",
            weight=0.5,
            exposures=5900,
            units=5800,
            ripe=5000,
            estimate=rate,
            interval=(rate - 0.026, rate + 0.026),
            difference=difference,
        )
        for version, rate, difference in (("v1", 0.1, None), ("v2", 0.16, (0.02, 0.1)))
    )
    fields: dict[str, Any] = {
        "phase": "Decided",
        "message": "v2 is best: conversions: v1 10.00% of 5000, v2 16.00% of 5000.",
        "winner": "v2",
        "exposures": 11800,
        "arms": arms,
        "trace": trace,
    }
    spec = ExperimentSpec.model_validate(
        {"model": "tomato", "arms": [{"version": "v1"}, {"version": "v2"}]}
    )
    resource = ExperimentResourceStatus(**{**fields, **status})
    return ExperimentView(name="colours", spec=spec, status=resource)
