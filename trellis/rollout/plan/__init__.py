"""The pure state machine of a rollout: from a moment's facts to the next status.

A pass reads what is (``ServiceSeen``, verdicts, commands) and what was (the status), and gives the
next status, which is written first; what the cluster, the gateways and the counters are to do
follows from that status alone. docs/rollout/steps.md has the phases and their reasons.
"""

from trellis.rollout.plan.deciding import decide
from trellis.rollout.plan.decision import Announcement, Decision, Notification
from trellis.rollout.plan.following import looking, wanted_field, wanted_table
from trellis.rollout.plan.gateways import GatewaysSeen

__all__ = [
    "Announcement",
    "Decision",
    "GatewaysSeen",
    "Notification",
    "decide",
    "looking",
    "wanted_field",
    "wanted_table",
]
