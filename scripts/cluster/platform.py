"""Trellis itself in the cluster: the models' namespace and volume, and the platform chart."""

from pathlib import Path

from scripts.cluster import apply
from scripts.cluster.cluster import Cluster
from scripts.cluster.documents import read
from scripts.cluster.progress import Say
from scripts.cluster.settings import NAMESPACE

RELEASE = "trellis"
_CHART = Path("charts/trellis")
_FILES = (
    Path("manifests/platform/namespace.yaml"),
    Path("manifests/overlays/kind/platform/models-volume.yaml"),
)


def namespace(cluster: Cluster, say: Say) -> None:
    """The namespace, with Pod Security, and the claim on the checkout's models."""
    for file in _FILES:
        text = (cluster.settings.checkout / file).read_text("utf-8")
        apply.objects(cluster.kubectl, read(text).objects, say)
    say("the claim models to be bound")
    cluster.kubectl(
        "wait", "--for=jsonpath={.status.phase}=Bound", "persistentvolumeclaim/models",
        "--namespace", NAMESPACE, "--timeout=60s",
    )  # fmt: skip


def chart(cluster: Cluster, say: Say) -> None:
    """Serving runtimes, Redis and network policies, by `charts/trellis`."""
    say("charts/trellis to be installed, and its Redis to answer")
    cluster.helm(
        "upgrade", "--install", RELEASE, str(cluster.settings.checkout / _CHART),
        "--namespace", NAMESPACE,
        "--set-string", f"redis.image={cluster.supply.redis}",
        # A volume of kind lives on one node; here the data may end with the pod.
        "--set-string", "redis.durable.storage=",
        "--wait", "--timeout", "180s",
    )  # fmt: skip
