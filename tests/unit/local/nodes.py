"""Nodes as ``kubectl get nodes -o json`` writes them."""

from typing import Any


def node(
    name: str,
    labels: dict[str, str] | None = None,
    taints: tuple[str, ...] = (),
    gpus: int | None = None,
    cordoned: bool = False,
) -> dict[str, Any]:
    """A node of 2 CPUs and 8 GiB; a taint is written ``key=value:Effect`` or ``key:Effect``."""
    allocatable = {"cpu": "2", "memory": "8Gi"}
    if gpus is not None:
        allocatable["nvidia.com/gpu"] = str(gpus)
    written = []
    for taint in taints:
        rest, _, effect = taint.rpartition(":")
        key, _, value = rest.partition("=")
        written.append({"key": key, "effect": effect, **({"value": value} if value else {})})
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": {"taints": written, "unschedulable": cordoned},
        "status": {"allocatable": allocatable},
    }


#: The three nodes of `make cluster`, the third as the device plugin would have it.
CLUSTER = (
    node("control-plane", taints=("node-role.kubernetes.io/control-plane:NoSchedule",)),
    node("worker"),
    node("gpu", {"accelerator": "nvidia"}, ("nvidia.com/gpu:NoSchedule",), gpus=1),
)
