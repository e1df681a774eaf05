"""``experiments.ports`` on the objects of a cluster: arms are InferenceServices, each with its own host."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from pydantic import TypeAdapter, ValidationError

from trellis.contracts.experiment_resource import Arm, ExperimentSpec
from trellis.contracts.tensors import Name
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.experiments import services_of, spec_of
from trellis.rollout.cluster.facts import Key, Service
from trellis.rollout.experiments.ports import ArmSeen, ExperimentFound
from trellis.rollout.seen import RevisionSeen, ServiceSeen

_NAME: TypeAdapter[str] = TypeAdapter(Name)


class ClusterExperiments:
    """``ports.ExperimentWorld``. ``namespace`` is the one whose gateways the controller serves."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace

    def experiment(self, key: Key) -> ExperimentFound | None:
        """See ``ExperimentWorld.experiment``."""
        return self._cluster.experiments.get(key)

    def arms(self, found: ExperimentFound, spec: ExperimentSpec) -> Mapping[str, ArmSeen]:
        """See ``ExperimentWorld.arms``."""
        return {arm.version: self._arm(found.key[0], arm, spec.model) for arm in spec.arms}

    def objection(self, found: ExperimentFound, spec: ExperimentSpec) -> str:
        """See ``ExperimentWorld.objection``."""
        namespace = found.key[0]
        if namespace != self._namespace:
            return (
                f"this controller serves the gateways of namespace {self._namespace}, and no others"
                " share out units: put the Experiment and its InferenceServices there"
            )
        return _one_host(spec) or self._held(found, spec) or self._rolled_out(found)

    def _held(self, found: ExperimentFound, spec: ExperimentSpec) -> str:
        """Where an older Experiment that is enabled has the model."""
        mine = (found.created, found.key)
        for other in sorted(
            self._cluster.experiments, key=lambda other: (other.created, other.key)
        ):
            if (other.created, other.key) >= mine:
                break
            theirs = spec_of(other)
            same = theirs is not None and theirs.enabled and theirs.model == spec.model
            if same and other.key[0] == found.key[0] and not other.deleting:
                return (
                    f"model {spec.model} is in the Experiment {other.key[1]}, which is older: set"
                    " enabled: false there, or in this one"
                )
        return ""

    def _rolled_out(self, found: ExperimentFound) -> str:
        """Where a Rollout may change an arm's version."""
        for service in sorted(services_of(found)):
            for rollout in self._cluster.rollouts_of(service):
                return (
                    f"the Rollout {rollout.key[1]} moves the traffic of InferenceService {service[1]},"
                    " which this Experiment needs as it is: remove one of the two"
                )
        return ""

    def _arm(self, namespace: str, arm: Arm, model: str) -> ArmSeen:
        service = arm.inference_service or model
        key = (namespace, service)
        seen = self._cluster.seen(key)
        holders = _holders(seen) if seen else []
        address = self._cluster.address(key)
        if seen is None:
            why = f"there is no InferenceService {service}"
        elif address is None:
            mode = f": {seen.cannot_split}" if seen.cannot_split else " yet"
            why = f"InferenceService {service} has no Knative Service{mode}"
        else:
            why = _nameless(service, address.model) or _other_version(
                service, arm.version, seen, holders
            )
        if why:
            return ArmSeen(arm.version, "", service, ready=False, why=why)
        revision = holders[0]
        if not revision.ready:
            why = f"revision {revision.name} is not ready{_because(revision)}"
        return ArmSeen(arm.version, revision.name, service, ready=not why, why=why)


def versions_served(
    services: Iterable[Service], seen: Callable[[Key], ServiceSeen | None], model: Key
) -> dict[str, str]:
    """Which InferenceService serves each version of a model: the one of its name, then those whose label
    makes them its arms. A name that only begins alike tells nothing: it may be another model's.
    """
    found: dict[str, str] = {}
    mine = (
        service.key
        for service in services
        if service.key == model or (service.key[0], service.arm_of) == model
    )
    for key in sorted(mine, key=lambda key: (key != model, key)):
        told = seen(key)
        holder = told.revisions.get(told.rolled_out or told.ready or "") if told else None
        if holder is not None:
            found.setdefault(holder.version, key[1])
    return found


def _nameless(service: str, model: str) -> str:
    """Where no routing table can hold the name that the service answers to."""
    try:
        _NAME.validate_python(model)
    except ValidationError:
        return (
            f"InferenceService {service} answers to the model name {model[:80]!r}, which no routing"
            " table can hold: give it a --model_name of at most 63 letters, digits, -, _ and ."
        )
    return ""


def _other_version(
    service: str, version: str, seen: ServiceSeen, holders: Sequence[RevisionSeen]
) -> str:
    """Where the service's host does not lead to that version alone."""
    versions = sorted({revision.version for revision in holders})
    if not versions:
        return f"InferenceService {service} is not ready{_because(seen.newest)}"
    if len(versions) > 1:
        return (
            f"InferenceService {service} shares its traffic among {', '.join(versions)}, and its host"
            " leads to any of them: give it one version"
        )
    if versions != [version]:
        return f"InferenceService {service} serves {versions[0]}, not {version}"
    return ""


def _because(revision: RevisionSeen | None) -> str:
    return f": {revision.failing}" if revision and revision.failing else " yet"


def _holders(seen: ServiceSeen) -> list[RevisionSeen]:
    """The revisions that answer at a service's host, the one with most of it first."""
    shares = sorted(((share, name) for name, share in seen.traffic.items() if share), reverse=True)
    names = [name for _, name in shares] or [seen.rolled_out or seen.ready or ""]
    return [seen.revisions[name] for name in names if name in seen.revisions]


def _one_host(spec: ExperimentSpec) -> str:
    for one, other in combinations(spec.arms, 2):
        service = one.inference_service or spec.model
        if service == (other.inference_service or spec.model):
            return (
                f"arms {one.version} and {other.version} are both in InferenceService {service}, whose"
                " host leads to either: give each version an InferenceService of its own, and name it"
                " in arms[].inferenceService"
            )
    return ""
