"""Whether a cluster has a node for an InferenceService's pods, as its scheduler would see it.

Looks at what nodes offer, not at what other pods have taken of it: who passes here may still have
to wait, who fails here waits for ever.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import PREDICTOR, InferenceService
from trellis.local.nodes import Node, Taint
from trellis.local.resources import asked_for
from trellis.local.yaml_lines import FieldPath

_KEEPS_OFF = frozenset({"NoSchedule", "NoExecute"})


@dataclass(frozen=True)
class Obstacle:
    """Why a node does not take the pod; ``field`` is what asks for it."""

    field: FieldPath
    words: str
    remedy: str


def placement(service: InferenceService, nodes: Sequence[Node]) -> Iterator[Finding]:
    """An error where no node takes the service's pods, with the reason of each."""
    obstacles = {node.name: list(_obstacles(service, node)) for node in nodes}
    if not nodes or not all(obstacles.values()):
        return
    # What stands in the way on the node that has the least in its way is what to mend.
    nearest = min(obstacles.values(), key=len)[0]
    by_words: dict[str, list[str]] = {}
    for name, found in obstacles.items():
        for obstacle in found:
            by_words.setdefault(obstacle.words, []).append(name)
    reasons = "; ".join(f"{', '.join(names)}: {words}" for words, names in by_words.items())
    problem = f"no node takes a pod of this, it would stay Pending. {reasons}"
    yield service.finding(Severity.ERROR, nearest.field, problem, nearest.remedy)


def _obstacles(service: InferenceService, node: Node) -> Iterator[Obstacle]:
    yield from _resources(service, node)
    yield from _selector(service, node)
    yield from _affinity(service, node)
    yield from _taints(service, node)


def _resources(service: InferenceService, node: Node) -> Iterator[Obstacle]:
    for resource, asked in asked_for(service).items():
        offered = node.allocatable.get(resource)
        if offered is not None and offered >= asked.quantity:
            continue
        if offered:
            words = f"has less {resource} than the {asked.written} asked for{asked.by}"
            remedy = f"ask for less, or add a node that has {asked.written}"
            yield Obstacle(asked.field, words, remedy)
        else:
            remedy = f"a node must advertise {resource}: does its device plugin run there?"
            yield Obstacle(asked.field, f"has no {resource}", remedy)


def _selector(service: InferenceService, node: Node) -> Iterator[Obstacle]:
    for label, value in (service.at((*PREDICTOR, "nodeSelector")) or {}).items():
        if node.labels.get(label) != value:
            remedy = f"kubectl label node {node.name} {label}={value}, or select by another label"
            field = (*PREDICTOR, "nodeSelector", label)
            yield Obstacle(field, f"has no label {label}={value}", remedy)


def _affinity(service: InferenceService, node: Node) -> Iterator[Obstacle]:
    field: FieldPath = (
        *PREDICTOR,
        *("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"),
    )
    terms = service.at((*field, "nodeSelectorTerms"))
    if not isinstance(terms, list) or any(_fits(term, node) for term in terms):
        return
    words = "does not fit the required node affinity"
    yield Obstacle(field, words, "label a node for it, or prefer in place of require")


def _fits(term: Any, node: Node) -> bool:
    """Whether every expression and every field of a term fits; a term with none fits no node."""
    if not isinstance(term, dict):
        return False
    by_label = term.get("matchExpressions") or []
    by_field = term.get("matchFields") or []
    if not isinstance(by_label, list) or not isinstance(by_field, list):
        return False
    return (
        bool(by_label or by_field)
        and all(_matches(one, node.labels) for one in by_label)
        and all(_matches_field(one, node) for one in by_field)
    )


def _matches_field(expression: Any, node: Node) -> bool:
    """Kubernetes knows one field of a node, its name, and takes it to be in a list or not."""
    if not isinstance(expression, dict) or expression.get("operator") not in {"In", "NotIn"}:
        return False
    key = "metadata.name"
    return expression.get("key") == key and _matches(expression, {key: node.name})


def _matches(expression: Any, labels: dict[str, str]) -> bool:
    if not isinstance(expression, dict):
        return False
    value = labels.get(str(expression.get("key")))
    written = expression.get("values")
    values = [str(one) for one in written] if isinstance(written, list) else []
    operator = str(expression.get("operator"))
    if operator in {"In", "NotIn"}:
        return (value in values) == (operator == "In")
    if operator in {"Exists", "DoesNotExist"}:
        return (value is not None) == (operator == "Exists")
    numbers = [text for text in (value, *values) if text is not None and text.isdigit()]
    if operator not in {"Gt", "Lt"} or len(numbers) != 2:
        return False
    has, bound = map(int, numbers)
    return has > bound if operator == "Gt" else has < bound


def _taints(service: InferenceService, node: Node) -> Iterator[Obstacle]:
    field: FieldPath = (*PREDICTOR, "tolerations")
    tolerations = service.at(field) or []
    if node.unschedulable:
        remedy = f"kubectl uncordon {node.name}, where nobody is at work on it"
        yield Obstacle(PREDICTOR, "takes no new pods (cordoned)", remedy)
    for taint in node.taints:
        if taint.effect not in _KEEPS_OFF or any(_tolerates(one, taint) for one in tolerations):
            continue
        if node.unschedulable and taint.key == "node.kubernetes.io/unschedulable":
            continue
        value = f", value: {taint.value}" if taint.value else ""
        operator = "Equal" if taint.value else "Exists"
        remedy = (
            f"add to tolerations: key: {taint.key}, operator: {operator}{value},"
            f" effect: {taint.effect}"
        )
        yield Obstacle(field, f"is kept for others by the taint {taint}", remedy)


def _tolerates(toleration: Any, taint: Taint) -> bool:
    if not isinstance(toleration, dict) or toleration.get("effect", taint.effect) != taint.effect:
        return False
    exists: bool = toleration.get("operator", "Equal") == "Exists"
    if toleration.get("key", "") != taint.key:
        return exists and not toleration.get("key")
    same: bool = toleration.get("value", "") == taint.value
    return exists or same
