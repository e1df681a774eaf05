"""Whether a status must be written at once, or only once a minute."""

from typing import Any

from trellis.contracts.rollout_status import RolloutStatus


def is_pressing(before: RolloutStatus, after: RolloutStatus) -> bool:
    """Whether more changed than words, numbers of the verdict, and evidence."""
    return _essence(before) != _essence(after)


def _essence(status: RolloutStatus) -> dict[str, Any]:
    verdict = status.verdict
    essence = status.model_dump(exclude={"message", "verdict", "evidence", "trace", "conditions"})
    essence["verdict"] = verdict and (
        verdict.kind,
        [(guardrail.name, guardrail.state) for guardrail in verdict.guardrails],
    )
    essence["conditions"] = [
        (condition.type, condition.status, condition.reason, condition.observed_generation)
        for condition in status.conditions
    ]
    return essence
