"""A service of a local run as a rollout sees it, pure."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Literal

from trellis.contracts.routing_table import LATEST, PREVIOUS
from trellis.local.revisions import Revision, ServiceState, identity
from trellis.rollout.seen import RevisionSeen, ServiceSeen


def service_seen(
    state: ServiceState,
    ready: Collection[str],
    failing: Mapping[str, str],
    version: Callable[[Revision], str],
) -> ServiceSeen:
    """``failing`` says, by revision, why its process cannot start.

    A revision's ``created`` is its number: revisions here come one after another.
    """
    newest = state.newest
    up = [revision.name for revision in state.kept if revision.name in ready]
    return ServiceSeen(
        name=state.name,
        token=token(state),
        wanted_version=version(newest),
        wanted_identity=identity(newest.template),
        created=newest.name,
        ready=up[-1] if up else None,
        rolled_out=state.rolled_out,
        weight=state.canary_percent,
        weight_owner=_owner(state),
        weight_owner_name="the manifest" if _owner(state) == "applier" else "",
        revisions={
            revision.name: RevisionSeen(
                name=revision.name,
                version=version(revision),
                identity=identity(revision.template),
                created=float(revision.name.rpartition("-")[2]),
                ready=revision.name in ready,
                failing=failing.get(revision.name, ""),
            )
            for revision in state.kept
        },
        traffic={name: share for name, share in state.traffic.items() if share},
        tags=_tags(state),
    )


def token(state: ServiceState) -> str:
    """Another for each state."""
    return hashlib.sha256(state.model_dump_json().encode()).hexdigest()[:16]


def _tags(state: ServiceState) -> dict[str, str]:
    """Each revision has its own address, tag or not."""
    tags = {LATEST: state.newest.name, PREVIOUS: state.rolled_out}
    return {tag: name for tag, name in tags.items() if name}


def _owner(state: ServiceState) -> Literal["us", "applier", "nobody"]:
    if state.canary_percent is None:
        return "nobody"
    return "us" if state.ruled else "applier"
