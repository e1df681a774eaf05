"""Lets a node advertise GPUs that it does not have: placement can be tried, nothing computed."""

import json

from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program

RESOURCE = "nvidia.com/gpu"


def advertise(kubectl: Program, node: str, count: int) -> None:
    """Set how many GPUs a node has; 0 takes the resource away. The kubelet keeps what is set.

    :raises ClusterError: where there is no such node; names those there are.
    """
    names = kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()
    if node not in names:
        raise ClusterError(
            f"There is no node {node}.", f"The nodes are {', '.join(sorted(names))}."
        )
    kubectl("patch", "node", node, "--subresource=status", "--type=merge", "--patch", patch(count))


def patch(count: int) -> str:
    """The patch of a node's status for that many GPUs."""
    value = str(count) if count else None
    return json.dumps({"status": {"capacity": {RESOURCE: value}, "allocatable": {RESOURCE: value}}})
