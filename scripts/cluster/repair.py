"""What to do about nodes that are there already: nothing, start them, make them anew, or ask."""

from collections.abc import Sequence
from typing import Literal

from scripts.cluster.errors import ClusterError
from scripts.cluster.nodes import Node
from scripts.cluster.settings import Settings

Action = Literal["create", "recreate", "start", "keep"]


def action(nodes: Sequence[Node], settings: Settings, image: str) -> tuple[Action, str]:
    """What to do, and why in words.

    :raises ClusterError: where the nodes are another's, or of another version: removing them is
        for a person to decide.
    """
    if not nodes:
        return "create", "there is none"
    models = str(settings.checkout / "models")
    if any(node.models != models for node in nodes):
        raise ClusterError(
            f"There is a kind cluster named {settings.cluster} that is not of this checkout: "
            f"{', '.join(sorted(node.name for node in nodes))}.",
            f"Remove it (`kind delete cluster --name {settings.cluster}`), or choose another name: "
            "TRELLIS_CLUSTER=...",
        )
    missing = sorted(set(settings.nodes) - {node.name for node in nodes})
    if missing:
        return "recreate", f"it was left half-made, without {', '.join(missing)}"
    other = sorted({node.image for node in nodes} - {image})
    if other:
        raise ClusterError(
            f"The cluster {settings.cluster} was made from node image {', '.join(other)}, and this "
            f"checkout wants {image}.",
            "Run `make cluster-down` (it removes the cluster and all that runs in it), then "
            "`make cluster`.",
        )
    stopped = sorted(node.name for node in nodes if not node.running)
    if stopped:
        return "start", f"stopped: {', '.join(stopped)}"
    return "keep", "its nodes run"
