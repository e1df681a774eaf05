"""The routing table of one namespace: what each name of a model leads to, pure.

A model leads to its InferenceService's own host, where Knative splits by request as the weight says,
and what gateways send is counted with all other requests by the queue-proxies. A model in an
experiment leads to the hosts of the arms' InferenceServices, as the Experiment's status assigns; each
of those stays reachable by its own name too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from trellis.contracts.routing_table import Arm, RoutingTable
from trellis.rollout.cluster.cluster import Address
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.table import Keyed
from trellis.rollout.compile import Trial, WeightedRevision, compile_table
from trellis.rollout.experiments.assignment import AssignedArm, Assignment
from trellis.rollout.seen import ServiceSeen


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
    why.
    """

    models: dict[str, list[WeightedRevision]] = field(default_factory=dict)
    trials: dict[str, Trial] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def routes_of(
    known: Known,
    namespace: str,
    assignments: Iterable[Assignment],
    previous: RoutingTable | None,
) -> Routes:
    """Of what is known now; of two ``assignments`` of one model the first counts.

    An arm whose InferenceService is gone stays where ``previous`` has it: whom it leads to is for the
    experiment to say.
    """
    routes = Routes()
    for service in sorted(known.services, key=lambda found: found.key):
        if service.key[0] == namespace and (own := _own(known, service.key)):
            _take(routes, service.key[1], [own])
    trialled = set[str]()
    for assigned in assignments:
        found = (_arm(known, namespace, arm, previous, assigned.model) for arm in assigned.arms)
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


def _own(known: Known, key: Key) -> WeightedRevision | None:
    """The service's own host, from its first revision that is ready on."""
    seen, address = known.seen(key), known.address(key)
    holder = seen.revisions.get(seen.rolled_out or seen.ready or "") if seen else None
    if holder is None or address is None:
        return None
    return WeightedRevision(
        url=_url(address, key[0]),
        grpc_address=None,
        model=address.model,
        version=holder.version,
        revision=address.name,
        fingerprint="",
        role="stable",
        weight=1,
    )


def _arm(
    known: Known, namespace: str, arm: AssignedArm, previous: RoutingTable | None, model: str
) -> WeightedRevision | None:
    address = known.address((namespace, arm.service))
    if address is not None:
        url, answers_to = _url(address, namespace), address.model
    elif before := _before(previous, model, arm.revision):
        url, answers_to = before.url, before.model
    else:
        return None
    return WeightedRevision(
        url=url,
        grpc_address=None,
        model=answers_to,
        version=arm.version,
        revision=arm.revision,
        # Not known here: without it no gateway keeps answers, which might be another version's.
        fingerprint="",
        role="arm",
        weight=arm.weight,
    )


def _before(previous: RoutingTable | None, model: str, revision: str) -> Arm | None:
    route = previous.models.get(model) if previous else None
    arms = route.arms if route else ()
    return next((arm for arm in arms if arm.revision == revision), None)


def _url(address: Address, namespace: str) -> str:
    return f"http://{address.name}.{namespace}.svc.cluster.local"
