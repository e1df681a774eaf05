"""What a pass of a Rollout asks of the world: in a cluster the Kubernetes API, locally what runs here."""

from collections.abc import Sequence
from typing import Protocol

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.rollouts import Rollout
from trellis.rollout.plan import Announcement, GatewaysSeen
from trellis.rollout.plan.decision import Table
from trellis.rollout.seen import ServiceSeen


class World(Protocol):
    """What a pass reads of the cluster."""

    def rollout(self, key: Key) -> Rollout | None:
        """The Rollout, as it was heard of last."""
        ...

    def rollouts_of(self, service: Key) -> Sequence[Rollout]:
        """All Rollouts of an InferenceService."""
        ...

    def seen(self, key: Key) -> ServiceSeen | None:
        """An InferenceService."""
        ...


class Voice(Protocol):
    """What a pass writes, beside weights."""

    async def write(self, found: Rollout, status: RolloutStatus) -> Rollout:
        """The Rollout with its new status. Raises ``Conflict`` where it has changed."""
        ...

    async def announce(self, found: Rollout, said: Announcement) -> None:
        """Say it in an Event; one that is lost is lost."""
        ...


class Gateways(Protocol):
    """The routing table, and who has it."""

    async def follow(
        self, key: Key, seen: ServiceSeen | None, status: RolloutStatus, hosts: Table
    ) -> None:
        """Have the table name the service's revisions so."""
        ...

    def by_unit(
        self, key: Key, spec: RolloutSpec, status: RolloutStatus, seen: ServiceSeen | None
    ) -> bool:
        """Whether gateways split the rollout's units themselves, as its status stands."""
        ...

    def seen(self, key: Key) -> GatewaysSeen:
        """What is offered and held now."""
        ...
