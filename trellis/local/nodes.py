"""The nodes of a cluster, as ``kubectl get nodes -o json`` writes them."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from trellis.local.kubectl_lists import items
from trellis.local.quantities import quantity

COMMAND = "kubectl get nodes -o json"


class BadNodes(ValueError):
    """The file is not what ``kubectl get nodes -o json`` writes."""


@dataclass(frozen=True)
class Taint:
    """Keeps pods off a node that do not tolerate it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        value = f"={self.value}" if self.value else ""
        return f"{self.key}{value}:{self.effect}"


@dataclass(frozen=True)
class Node:
    """What the scheduler looks at; amounts in cores, bytes and devices."""

    name: str
    labels: dict[str, str]
    taints: tuple[Taint, ...]
    allocatable: dict[str, Decimal]
    unschedulable: bool = False


def read_nodes(path: Path) -> list[Node]:
    """The nodes of a file, or of standard input where it is ``-``.

    Raises ``BadNodes``, naming what is wrong, and ``OSError`` where it cannot be read.
    """
    found = items(path, COMMAND, BadNodes)
    said = f"expected what `{COMMAND}` writes"
    try:
        nodes = [_node(item) for item in found if item.get("kind", "Node") == "Node"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadNodes(f"{path} holds an item that is no node ({error}); {said}") from error
    if not nodes:
        raise BadNodes(f"{path} holds no node; {said}")
    return nodes


def _node(item: dict[str, Any]) -> Node:
    spec = item.get("spec") or {}
    taints = [
        Taint(taint["key"], taint.get("value") or "", taint["effect"])
        for taint in spec.get("taints") or []
    ]
    return Node(
        name=item["metadata"]["name"],
        labels=dict(item["metadata"].get("labels") or {}),
        taints=tuple(taints),
        allocatable={
            name: quantity(amount) for name, amount in item["status"]["allocatable"].items()
        },
        unschedulable=bool(spec.get("unschedulable")),
    )
