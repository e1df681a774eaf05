"""KServe 0.20 over Knative 1.21 as measured on a cluster and read in KServe's reconciler, pure.

Each method is one thing that one of their controllers does by itself; nothing else happens, so
that a test can put any order, and anybody else, in between.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from trellis.rollout.seen import RevisionSeen, ServiceSeen

Owner = Literal["us", "hand", "applier", "nobody"]
Keep = Literal["keep"]


@dataclass(frozen=True)
class Template:
    """What makes a revision: any change of it does. ``note`` is an annotation, or replicas."""

    version: str
    image: str = "a"
    note: str = ""

    @property
    def identity(self) -> str:
        return f"{self.version}/{self.image}"


class Target(NamedTuple):
    """A line of a Knative Service's traffic; ``revision`` None: the latest that is ready."""

    revision: str | None
    percent: int


class Routed(NamedTuple):
    """A line of its status."""

    revision: str
    percent: int
    latest: bool


@dataclass
class KServeModel:
    """One InferenceService, its Knative Service, and the traffic."""

    template: Template
    webhook: bool = True
    weight: int | None = None
    owner: Owner = "nobody"
    running: bool = False  #: whether a rollout is, for the webhook
    late: bool = False  #: whether what is wanted shows only once KServe has carried it over
    away: bool = False  #: whether the Knative Service is gone
    tag_routing: bool = True  #: whether its annotation asks for it
    routes_ready: bool = True  #: whether the ingress has what the traffic says
    token: int = 1
    revisions: dict[str, Template] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)
    wanted: Template | None = None  #: the Knative Service's template
    targets: list[Target] = field(default_factory=list)
    created: str | None = None
    latest_ready: str | None = None
    routed: list[Routed] = field(default_factory=list)
    status_created: str | None = None
    status_ready: str | None = None
    status_traffic: dict[str, int] = field(default_factory=dict)
    status_tags: dict[str, str] = field(default_factory=dict)
    rolled_out: str | None = None
    previous: str | None = None

    # What people and we do to the InferenceService.

    def apply(
        self, template: Template, weight: int | Keep | None = "keep", owner: Owner = "applier"
    ) -> None:
        """A manifest is applied; without a weight an owner that had none leaves it alone."""
        changed = template.identity != self.template.identity
        if weight != "keep":
            restored = weight is None and self.running and self.webhook
            if not restored:
                self.weight, self.owner = weight, "nobody" if weight is None else owner
            else:
                self.owner = "nobody"
        self.template = template
        if changed and self.webhook:
            self.weight, self.owner = 0, "nobody"
        self.token += 1

    def set_weight(self, weight: int | None, token: str) -> bool:
        """Ours, with the object's token as precondition; whether it was taken."""
        if token != str(self.token):
            return False
        if weight != self.weight or self.owner != "us":
            self.weight = weight
            self.owner = "nobody" if weight is None else "us"
            self.token += 1
        return True

    # What their controllers do.

    def reconcile(self) -> None:
        """KServe: the Knative Service from the spec and its own status, then its status."""
        self.wanted = self.template
        if self.weight is not None and self.rolled_out is not None:
            self.targets = [Target(None, self.weight)]
            if self.weight < 100:
                self.targets.append(Target(self.rolled_out, 100 - self.weight))
        else:
            self.targets = [Target(None, 100)]
        before = self._status()
        self._propagate()
        if before != self._status():
            self.token += 1

    def _status(self) -> tuple[object, ...]:
        newest = self.status_created, self.status_ready
        return self.rolled_out, *newest, self.status_traffic, self.status_tags

    def _propagate(self) -> None:
        shares: dict[str, int] = {}
        for line in self.routed:
            shares[line.revision] = shares.get(line.revision, 0) + line.percent
        for line in self.routed:
            if line.revision != self.latest_ready or not line.latest:
                continue
            if self.rolled_out != self.latest_ready:
                if line.percent == 100:
                    self.previous, self.rolled_out = self.rolled_out, self.latest_ready
            elif (
                self.latest_ready == self.created
                and line.percent < 100
                and shares[line.revision] == 100
                and self.previous is not None
            ):
                self.rolled_out = self.previous
        self.status_created, self.status_ready = self.created, self.latest_ready
        self.status_traffic = shares
        tags = {"latest" if line.latest else "prev": line.revision for line in self.routed}
        if not self.tag_routing:
            tags.pop("latest", None)
        self.status_tags = tags

    def configure(self) -> None:
        """Knative's Configuration: another template makes a revision."""
        if self.wanted is None:
            return
        if self.created is None or self.revisions[self.created] != self.wanted:
            name = f"r-{len(self.revisions) + 1:05d}"
            self.revisions[name] = self.wanted
            self.created = name

    def start(self, name: str) -> None:
        """A revision becomes ready; the latest ready one is never an older one again."""
        self.failing.pop(name, None)
        self.ready.add(name)
        self.latest_ready = max(self.ready)

    def fail(self, name: str, why: str) -> None:
        """A revision that cannot start says so by its containers."""
        if name not in self.ready:
            self.failing[name] = why

    def route(self) -> None:
        """Knative's Route: the traffic takes effect."""
        if self.latest_ready is None:
            return
        lines = []
        for target in self.targets:
            name = target.revision or self.latest_ready
            lines.append(Routed(name, target.percent, target.revision is None))
        self.routed = lines

    def settle(self) -> None:
        """All controllers until nothing changes; no revision starts by itself."""
        for _ in range(20):
            before = repr(self)
            self.reconcile()
            self.configure()
            self.route()
            if repr(self) == before:
                return
        raise AssertionError("the controllers never settle")

    # What is seen.

    @property
    def traffic(self) -> dict[str, int]:
        """Where requests go now, by revision."""
        shares: dict[str, int] = {}
        for line in self.routed:
            shares[line.revision] = shares.get(line.revision, 0) + line.percent
        return {name: share for name, share in shares.items() if share}

    def answers(self) -> dict[str, int]:
        """Where requests go now, by version."""
        shares: dict[str, int] = {}
        for name, share in self.traffic.items():
            version = self.revisions[name].version
            shares[version] = shares.get(version, 0) + share
        return shares

    def seen(self) -> ServiceSeen:
        """The InferenceService with its status, which lags behind the traffic."""
        wanted = self.wanted if self.late and self.wanted else self.template
        return ServiceSeen(
            name="tomato",
            token=str(self.token),
            order=self.token,
            wanted_version="" if self.away else wanted.version,
            wanted_identity="" if self.away else wanted.identity,
            created=self.status_created,
            ready=self.status_ready,
            rolled_out=self.rolled_out,
            weight=self.weight,
            weight_owner=self.owner,
            weight_owner_name={"hand": "kubectl-edit", "applier": "argocd"}.get(self.owner, ""),
            revisions={
                name: RevisionSeen(
                    name=name,
                    version=template.version,
                    identity=template.identity,
                    created=float(number),
                    ready=name in self.ready,
                    failing=self.failing.get(name, ""),
                )
                for number, (name, template) in enumerate(self.revisions.items())
                if not self.away
            },
            traffic=dict(self.status_traffic),
            tags=dict(self.status_tags),
            routed=self.routes_ready,
        )

    def annotate(self, note: str) -> None:
        """Any annotation: a new revision of the same version."""
        self.apply(replace(self.template, note=note))
