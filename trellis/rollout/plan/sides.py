"""Which revisions of a service are the canary's, and what traffic they have."""

from trellis.contracts.rollout_status import Side
from trellis.rollout.seen import RevisionSeen, ServiceSeen


def side(revision: RevisionSeen) -> Side:
    """A revision as one side of the comparison."""
    return Side(revision=revision.name, version=revision.version, identity=revision.identity)


def is_canary(seen: ServiceSeen, name: str | None, stable: Side | None, canary: Side) -> bool:
    """Whether a revision is the canary: of its identity, or itself where stable has the same."""
    if name is None:
        return False
    if stable is not None and stable.identity == canary.identity:
        return name == canary.revision
    revision = seen.revisions.get(name)
    return revision is not None and revision.identity == canary.identity


def canary_share(seen: ServiceSeen, stable: Side | None, canary: Side) -> int:
    """Percent of the traffic that the canary has in effect, over all its revisions."""
    return sum(
        percent for name, percent in seen.traffic.items() if is_canary(seen, name, stable, canary)
    )
