"""What one process remembers of a Rollout from pass to pass."""

from dataclasses import dataclass, field

from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.observation import Observation


@dataclass
class Working:
    """All of it is in the Rollout's status, a minute old at most."""

    uid: str
    token: str
    status: RolloutStatus
    observation: Observation | None
    written: float
    trouble: str = ""
    #: The commands' text whose unread entries were told.
    told: str = ""
    #: Numbers of the history's entries that this process wrote.
    recorded: frozenset[int] = frozenset()
    #: What `noHarm` asked for last, by what it follows from: to compute it takes half a second.
    required: dict[tuple[object, ...], int | None] = field(default_factory=dict)
