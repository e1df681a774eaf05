"""KEDA: scales on what KServe's own autoscalers do not see, here a Redis stream."""

from scripts.cluster.components.system import settle
from scripts.cluster.documents import Manifest, read

NAMESPACE = "keda"


def manifest(text: str) -> Manifest:
    """What is applied."""
    keda = read(text)
    settle(keda)
    return keda
