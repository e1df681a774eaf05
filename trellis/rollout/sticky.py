"""Whether gateways split a rollout's units themselves, by KServe's tag hosts, and how. Pure.

A unit then stays with its version for as long as weights allow, and it is what was randomised: its
evidence is a stream of its own, beside that of requests that come past the gateways, which Knative
splits one by one.
"""

from typing import NamedTuple

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.contracts.routing_table import LATEST, PREVIOUS
from trellis.rollout.observation import sides
from trellis.rollout.plan.following import wanted_table
from trellis.rollout.plan.sides import canary_share
from trellis.rollout.seen import RevisionSeen, ServiceSeen


class TagSplit(NamedTuple):
    """The revisions behind ``prev-`` and ``latest-``, and the latter's share of units in percent; ``trial``
    is another for each trial, empty where that does not matter.
    """

    stable: RevisionSeen
    canary: RevisionSeen
    weight: int
    trial: str = ""

    @property
    def shares(self) -> dict[str, float]:
        """Of units, 0 to 1, by revision."""
        canary = self.weight / 100
        return {self.stable.name: 1 - canary, self.canary.name: canary}


def tag_split(
    spec: RolloutSpec, status: RolloutStatus, seen: ServiceSeen | None
) -> TagSplit | None:
    """How units of this rollout can be split; None where only Knative can.

    KServe gives both hosts while a version is on trial in an InferenceService that has the annotation
    ``serving.kserve.io/enable-tag-routing``. The weight is the one that Knative shows: where it does not
    follow, gateways do not go ahead of it, and what was not settled is not looked at.
    """
    if spec.split != "unit" or seen is None or status.canary is None:
        return None
    weight = canary_share(seen, status.stable, status.canary)
    if not 0 < weight < 100:
        return None
    compared = sides(status, seen)
    latest, previous = (seen.tags.get(tag, "") for tag in (LATEST, PREVIOUS))
    if (compared.get(previous), compared.get(latest)) != ("stable", "canary"):
        return None
    return TagSplit(seen.revisions[previous], seen.revisions[latest], weight)


def split_now(
    spec: RolloutSpec, status: RolloutStatus, seen: ServiceSeen | None
) -> TagSplit | None:
    """How gateways are to split them now; None where they are not to."""
    return tag_split(spec, status, seen) if wanted_table(status) == "tagged" else None
