"""What the evidence says of an experiment, as its status has it, pure."""

from collections.abc import Mapping

from trellis.contracts.experiment_resource import (
    ArmEvidence,
    ExperimentPhase,
    ExperimentResourceStatus,
)
from trellis.rollout.events.store import News
from trellis.rollout.experiments.comparison import Interval
from trellis.rollout.experiments.evidence import ExperimentEvidence

_RATE_OF = {"conversion": "conversions", "label": "right labels", "score": "mean score"}


def phase_of(evidence: ExperimentEvidence) -> ExperimentPhase:
    """Of an experiment that is enabled and not refused."""
    if evidence.halted:
        return "Halted"
    return "Decided" if evidence.winner else "Running"


def judge(
    evidence: ExperimentEvidence,
    news: News,
    revisions: Mapping[str, str],
    weights: Mapping[str, float],
) -> ExperimentResourceStatus:
    """``revisions`` and ``weights`` are by version, as the routing table has them now.

    Conditions, memory and the generation are the controller's to add.
    """
    return ExperimentResourceStatus(
        phase=phase_of(evidence),
        message=sentence(evidence, news),
        winner=evidence.winner,
        exposures=sum(news.exposures.values()),
        arms=tuple(
            _arm(evidence, news, arm.version, revisions, weights) for arm in evidence.spec.arms
        ),
        log_e_sample_ratio=evidence.split.log_e,
        incomplete=bool(news.incomplete),
        dropped=news.dropped,
        unjoined=news.unjoined,
    )


def sentence(evidence: ExperimentEvidence, news: News) -> str:
    """For a person: why it halted, who won by how much, or what is known so far."""
    if evidence.halted:
        first = evidence.spec.arms[0].version
        said = f"{evidence.halted}. All units go to {first}."
    elif evidence.winner:
        said = f"{evidence.winner} is best: {_numbers(evidence)}."
    elif any(of.number for of in evidence.ripe.values()):
        said = f"No arm is shown to be best yet: {_numbers(evidence)}."
    else:
        said = (
            f"{sum(evidence.units.values())} units so far; none whose window of"
            f" {evidence.spec.attribution_window} is over."
        )
    return f"{said} EvidenceIncomplete: {news.incomplete}." if news.incomplete else said


def _arm(
    evidence: ExperimentEvidence,
    news: News,
    version: str,
    revisions: Mapping[str, str],
    weights: Mapping[str, float],
) -> ArmEvidence:
    ripe = evidence.ripe[version]
    rails = evidence.guardrails.get(version)
    first = evidence.spec.arms[0].version
    return ArmEvidence(
        version=version,
        revision=revisions.get(version, ""),
        weight=min(1.0, weights.get(version, 0.0)),
        exposures=news.exposures.get(version, 0),
        units=evidence.units[version],
        ripe=int(ripe.number),
        estimate=evidence.estimate(version),
        interval=evidence.interval(version) if ripe.number else None,
        difference=None if version == first else evidence.difference(version),
        guardrails=rails.judge() if rails else (),
    )


def _numbers(evidence: ExperimentEvidence) -> str:
    parts = []
    first = evidence.spec.arms[0].version
    for arm in evidence.spec.arms:
        estimate = evidence.estimate(arm.version)
        part = f"{arm.version} {_number(evidence, estimate)} of {evidence.ripe[arm.version].number:.0f}"
        difference = None if arm.version == first else evidence.difference(arm.version)
        if difference is not None:
            part += f" ({_span(evidence, difference)} against {first})"
        parts.append(part)
    return f"{_RATE_OF[evidence.spec.goal.kind]}: {', '.join(parts)}"


def _number(evidence: ExperimentEvidence, value: float | None) -> str:
    if value is None:
        return "nothing"
    return f"{value:.4g}" if evidence.spec.goal.kind == "score" else f"{value:.2%}"


def _span(evidence: ExperimentEvidence, span: Interval) -> str:
    if evidence.spec.goal.kind == "score":
        return f"{span[0]:+.4g} to {span[1]:+.4g}"
    return f"{100 * span[0]:+.2f} to {100 * span[1]:+.2f} points"
