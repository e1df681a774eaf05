"""From a status to what the cluster, the gateways and the counters are to do: nothing else is asked.

Pure functions of the written status, so that a controller that was killed after writing it does
the same again.
"""

from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.plan.decision import Field, Look, Table
from trellis.rollout.plan.memory import Memory, recall
from trellis.rollout.plan.sides import canary_share
from trellis.rollout.seen import ServiceSeen

#: Courses in which nothing is on trial.
AT_REST = frozenset(("idle", "promoted"))


def intended(memory: Memory, weight: int) -> Field:
    """The weight field that the plan wants, were the field its own."""
    if memory.released:
        return "absent"
    if memory.clearing:
        return 0
    return "leave" if memory.course in AT_REST else weight


def wanted_field(status: RolloutStatus) -> Field:
    """The weight field to be made so: ``leave`` where somebody else has set it."""
    memory = recall(status)
    if memory.refused or memory.manual:
        return "leave"
    return intended(memory, status.weight)


def wanted_table(status: RolloutStatus) -> Table:
    """Whether gateways split by tag hosts themselves, or send all to the service's own host.

    Where the weight is not ours the service's host applies it, whoever set it.
    """
    memory = recall(status)
    moved_by_us = memory.course == "stepping" and not memory.refused and not memory.manual
    return "tagged" if moved_by_us and memory.tags_up else "untagged"


def looking(status: RolloutStatus, seen: ServiceSeen | None) -> Look:
    """Whether the time until now counts: only at a constant weight that the traffic shows."""
    memory = recall(status)
    under_way = memory.course == "stepping" or (
        memory.course == "promoting" and not memory.released
    )
    if seen is None or status.canary is None or not under_way:
        return "none"
    expected = seen.weight if memory.manual or memory.refused else status.weight
    if not expected or canary_share(seen, status.stable, status.canary) != expected:
        return "none"
    return "go on" if status.evidence else "start anew"
