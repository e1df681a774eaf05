"""What a cluster, or a local run, says of one InferenceService at one moment. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class RevisionSeen:
    """A revision and how it is.

    ``identity`` is equal for two revisions of the same artefact, image, command and environment;
    ``created`` in seconds since 1970. ``failing`` says why its containers cannot start, in words,
    as soon as a container's state tells; empty where nothing is wrong. ``grpc``: at the port where
    requests come it answers gRPC alone.
    """

    name: str
    version: str
    identity: str
    created: float
    ready: bool
    failing: str = ""
    grpc: bool = False


@dataclass(frozen=True)
class ServiceSeen:
    """An InferenceService.

    ``token`` changes with every change of the object (``resourceVersion``); ``order`` is the same as a
    number that rises, 0 where that is not known. ``cannot_split`` says
    in words why its traffic cannot be moved; empty where it can. ``weight`` is its
    ``canaryTrafficPercent`` (None: absent), ``weight_owner`` who set it last. ``wanted_version`` and
    ``wanted_identity`` are what its spec asks for now; ``created`` and ``ready`` the newest revision
    and the newest that is ready; ``rolled_out`` the one that holds the rest of the traffic.
    ``traffic`` is what has taken effect, in percent by revision. ``tags`` are the revisions behind the
    hosts of tags, by tag; ``routed``: the ingress has all of it.
    """

    name: str
    token: str
    wanted_version: str
    wanted_identity: str
    created: str | None
    ready: str | None
    rolled_out: str | None
    order: int = 0
    weight: int | None = None
    weight_owner: Literal["us", "hand", "applier", "nobody"] = "nobody"
    weight_owner_name: str = ""
    cannot_split: str = ""
    revisions: Mapping[str, RevisionSeen] = field(default_factory=dict)
    traffic: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    routed: bool = True

    @property
    def newest(self) -> RevisionSeen | None:
        """The revision created last, where it is known already."""
        return self.revisions.get(self.created) if self.created else None

    @property
    def sole(self) -> RevisionSeen | None:
        """The revision that all requests reach; None while they are split, one by one."""
        shares = {name: share for name, share in self.traffic.items() if share}
        if len(shares) != 1 or sum(shares.values()) != 100:
            return None
        return self.revisions.get(next(iter(shares)))

    @property
    def settled(self) -> bool:
        """Whether the newest revision is that of the spec, and ready."""
        newest = self.newest
        return (
            newest is not None
            and newest.ready
            and self.ready == self.created
            and newest.identity == self.wanted_identity
        )
