"""The canary's weight of one InferenceService: the one thing of it that the controller writes."""

from typing import Protocol

from trellis.rollout.cluster.facts import Key
from trellis.rollout.seen import ServiceSeen


class Weights(Protocol):
    """One way in which KServe is told how to split."""

    async def put(self, key: Key, seen: ServiceSeen, percent: int | None) -> None:
        """Set the canary's share of the traffic; None leaves the field out, which promotes.

        Writes only onto what was ``seen`` (its ``token``). Raises ``Conflict`` where it changed since,
        ``ApiRefused`` where KServe or the API server says no, ``ApiUnreachable``.
        """
        ...
