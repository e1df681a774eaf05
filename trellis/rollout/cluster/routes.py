"""The routing table of one namespace: what each name of a model leads to, pure.

A model leads to its InferenceService's own host, where Knative splits by request as the weight says,
and what gateways send is counted with all other requests by the queue-proxies. While a Rollout has
gateways split its units, the model leads to the hosts of KServe's tags instead. A model in an
experiment leads to the hosts of the arms' InferenceServices, as the Experiment's status assigns; each
of those stays reachable by its own name too.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, Protocol

from trellis.contracts.routing_table import LATEST, PREVIOUS, Arm, ModelRoute, RoutingTable
from trellis.rollout.cluster.cluster import Address
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.keeping import FingerprintOf, keeping
from trellis.rollout.cluster.table import Keyed
from trellis.rollout.compile import Trial, WeightedRevision, compile_table
from trellis.rollout.experiments.assignment import AssignedArm, Assignment
from trellis.rollout.seen import RevisionSeen, ServiceSeen
from trellis.rollout.sticky import TagSplit


class Known(Protocol):
    """What the table is made of: see ``Cluster``."""

    @property
    def services(self) -> Iterable[Keyed]:
        """All InferenceServices."""
        ...

    def seen(self, key: Key) -> ServiceSeen | None:
        """One of them."""
        ...

    def address(self, key: Key) -> Address | None:
        """How it is reached."""
        ...


@dataclass
class Routes:
    """What ``compile_table`` takes, by the model's name; ``left_out`` says what no table could hold, and
    why. ``salts`` are those of models whose units a rollout splits: another for each trial, or the same
    people would meet each new version first.
    """

    models: dict[str, list[WeightedRevision]] = field(default_factory=dict)
    trials: dict[str, Trial] = field(default_factory=dict)
    salts: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def routes_of(
    known: Known,
    namespace: str,
    assignments: Iterable[Assignment],
    previous: RoutingTable | None,
    fingerprint_of: FingerprintOf,
    split_of: Callable[[Key], TagSplit | None],
) -> Routes:
    """Of what is known now; of two ``assignments`` of one model the first counts. ``split_of`` says how
    gateways are to split a service's units, None where its own host does.

    An arm whose InferenceService is gone stays where ``previous`` has it: whom it leads to is for the
    experiment to say. A fingerprint that is not known now is the one that ``previous`` has of the same
    version.
    """
    routes = Routes()
    for service in sorted(known.services, key=lambda found: found.key):
        if service.key[0] != namespace:
            continue
        split = split_of(service.key)
        if split is not None:
            own = _tagged(known, service.key, split, previous, fingerprint_of)
            routes.salts[service.key[1]] = _salt(split.trial)
        else:
            own = _own(known, service.key, previous, fingerprint_of)
        if own:
            _take(routes, service.key[1], own)
    trialled = set[str]()
    for assigned in assignments:
        found = (
            _arm(
                known,
                namespace,
                arm,
                _before(previous, assigned.model, arm.revision),
                fingerprint_of,
            )
            for arm in assigned.arms
        )
        arms = [arm for arm in found if arm is not None]
        if assigned.model in trialled or len(arms) < len(assigned.arms):
            continue
        trialled.add(assigned.model)
        trial = Trial(assigned.experiment, assigned.strategy, assigned.attribution_window)
        _take(routes, assigned.model, arms, trial)
    return routes


def _take(
    routes: Routes, model: str, arms: list[WeightedRevision], trial: Trial | None = None
) -> None:
    """One that no table could hold is alone in that."""
    trials: Mapping[str, Trial] = {model: trial} if trial else {}
    try:
        compile_table({model: arms}, None, None, trials=trials)
    except ValueError as error:
        routes.left_out[model] = str(error)
        return
    routes.models[model] = arms
    routes.trials.update(trials)


def _own(
    known: Known, key: Key, previous: RoutingTable | None, fingerprint_of: FingerprintOf
) -> list[WeightedRevision]:
    """The service's own host, from its first revision that is ready on."""
    seen, address = known.seen(key), known.address(key)
    holder = _holder(seen) if seen else None
    if seen is None or holder is None or address is None:
        return []
    before = _before(previous, key[1], address.name)
    sole = holder if seen.sole == holder else None
    fingerprint = keeping(sole, holder.version, before, fingerprint_of)
    own = WeightedRevision(
        url=_url(address, key[0]),
        grpc_address=_grpc_address(address, key[0], holder),
        model=address.model,
        version=holder.version,
        revision=address.name,
        fingerprint=fingerprint,
        role="stable",
        weight=1,
    )
    return [own]


def _tagged(
    known: Known,
    key: Key,
    split: TagSplit,
    previous: RoutingTable | None,
    fingerprint_of: FingerprintOf,
) -> list[WeightedRevision]:
    """Both sides of a trial, each by its tag's host, which leads to one revision alone."""
    address = known.address(key)
    if address is None:
        return []
    sides: tuple[tuple[str, RevisionSeen, Literal["stable", "canary"], int], ...] = (
        (PREVIOUS, split.stable, "stable", 100 - split.weight),
        (LATEST, split.canary, "canary", split.weight),
    )
    return [
        WeightedRevision(
            url=_url(address, key[0], tag),
            grpc_address=_grpc_address(address, key[0], revision, tag),
            model=address.model,
            version=revision.version,
            revision=revision.name,
            fingerprint=keeping(
                revision, revision.version, _before(previous, key[1], revision.name), fingerprint_of
            ),
            role=role,
            weight=weight,
        )
        for tag, revision, role, weight in sides
    ]


def _salt(trial: str) -> str:
    return blake2b(trial.encode(), digest_size=16, person=b"rollout").hexdigest()


def splits_by_tag(route: ModelRoute) -> bool:
    """Whether gateways split a model's units by the hosts of tags."""
    return any(arm.role == "canary" for arm in route.arms)


def without_tags(table: RoutingTable, ended: Container[str]) -> RoutingTable:
    """The table with the models ``ended`` at their services' own hosts; itself where none is split."""
    models = {
        name: _at_its_own_host(name, route) if name in ended and splits_by_tag(route) else route
        for name, route in table.models.items()
    }
    if models == table.models:
        return table
    return table.model_copy(update={"version": table.version + 1, "models": models})


def _at_its_own_host(model: str, route: ModelRoute) -> ModelRoute:
    stable = next(arm for arm in route.arms if arm.role == "stable")
    url = stable.url.replace(f"//{PREVIOUS}-", "//", 1)
    address = stable.grpc_address
    own = Arm(
        url=url,
        grpc_address=address.removeprefix(f"{PREVIOUS}-") if address else None,
        model=stable.model,
        version=stable.version,
        revision=url.rpartition("/")[2].partition(".")[0],
        role="stable",
        intervals=((0.0, 1.0),),
    )
    return ModelRoute(salt=model, arms=(own,))


def _arm(
    known: Known,
    namespace: str,
    arm: AssignedArm,
    before: Arm | None,
    fingerprint_of: FingerprintOf,
) -> WeightedRevision | None:
    key = namespace, arm.service
    seen, address = known.seen(key), known.address(key)
    fingerprint = ""
    if address is not None:
        url, answers_to = _url(address, namespace), address.model
        grpc_address = _grpc_address(address, namespace, _holder(seen) if seen else None)
        fingerprint = keeping(seen.sole if seen else None, arm.version, before, fingerprint_of)
    elif before is not None:
        url, answers_to, grpc_address = before.url, before.model, before.grpc_address
    else:
        return None
    return WeightedRevision(
        url=url,
        grpc_address=grpc_address,
        model=answers_to,
        version=arm.version,
        revision=arm.revision,
        fingerprint=fingerprint,
        role="arm",
        weight=arm.weight,
    )


def _holder(seen: ServiceSeen) -> RevisionSeen | None:
    """The revision that holds the rest of the traffic."""
    return seen.revisions.get(seen.rolled_out or seen.ready or "")


def _before(previous: RoutingTable | None, model: str, revision: str) -> Arm | None:
    route = previous.models.get(model) if previous else None
    arms = route.arms if route else ()
    return next((arm for arm in arms if arm.revision == revision), None)


def _host(address: Address, namespace: str, tag: str) -> str:
    name = f"{tag}-{address.name}" if tag else address.name
    return f"{name}.{namespace}.svc.cluster.local"


def _url(address: Address, namespace: str, tag: str = "") -> str:
    return f"http://{_host(address, namespace, tag)}"


def _grpc_address(
    address: Address, namespace: str, holder: RevisionSeen | None, tag: str = ""
) -> str | None:
    return f"{_host(address, namespace, tag)}:80" if holder is not None and holder.grpc else None
