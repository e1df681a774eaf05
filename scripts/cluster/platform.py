"""Trellis itself in the cluster: the models' namespace and volume, and the platform chart."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from scripts.cluster import apply, first_answer
from scripts.cluster.cluster import Cluster
from scripts.cluster.documents import read
from scripts.cluster.progress import Say
from scripts.cluster.settings import DOMAIN, NAMESPACE

RELEASE = "trellis"
#: Where the gateway's page is, at the cluster's ports of this machine.
GATEWAY_HOST = f"gateway.{NAMESPACE}.{DOMAIN}"
#: Of `scripts/cluster/components/prometheus.yaml`.
PROMETHEUS = "http://prometheus.monitoring.svc.cluster.local:9090"
_CHART = Path("charts/trellis")
_MODELS = Path("manifests/base")
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


def chart(cluster: Cluster, images: Collection[str], say: Say) -> None:
    """Serving runtimes, Redis, network policies, gateway and controller, by `charts/trellis`."""
    say("charts/trellis to be installed, and its parts to be ready")
    checkout = cluster.settings.checkout
    wanted = values(checkout, cluster.supply.redis, images, cluster.extras)
    cluster.helm(
        "upgrade", "--install", RELEASE, str(checkout / _CHART),
        "--namespace", NAMESPACE, "--values", "-",
        "--wait", "--timeout", "180s",
        text=json.dumps(wanted),
    )  # fmt: skip


def values(
    checkout: Path, redis: str, images: Collection[str], extras: Collection[str]
) -> dict[str, Any]:
    """Values of the platform chart for a cluster of one machine.

    ``redis`` is its image; ``images`` are targets of the Dockerfile that the nodes have, without
    `gateway` or `controller` among them there is none; ``extras`` are keys of `EXTRAS`.
    """
    little = {"requests": {"cpu": "25m", "memory": "128Mi"}}
    return {
        # A volume of kind lives on one node; here the data may end with the pod.
        "redis": {"image": redis, "durable": {"storage": ""}},
        "gateway": {
            "enabled": "gateway" in images,
            "replicas": 1,
            # Nobody but this machine reaches the ports.
            "auth": "open",
            # The controller makes the table of what it finds.
            "routes": [] if "controller" in images else _routes(checkout),
            "defaultModel": first_answer.MODEL,
            "resources": little,
            "ingress": {"kind": "kourier", "hosts": [GATEWAY_HOST]},
            **({"prometheusUrl": PROMETHEUS} if "prometheus" in extras else {}),
        },
        "worker": {"resources": little, "keda": {"enabled": "keda" in extras}},
        "controller": {
            "enabled": "controller" in images,
            "replicas": 1,
            "resources": little,
        },
    }


def _routes(checkout: Path) -> list[dict[str, Any]]:
    """A route for each model of `manifests/base`, to the version that its manifest names."""
    found = []
    for file in sorted((checkout / _MODELS).glob("[!k]*.yaml")):
        service = yaml.safe_load(file.read_text("utf-8"))
        version = service["spec"]["predictor"]["model"]["storageUri"].rpartition("/")[2]
        found.append({"model": service["metadata"]["name"], "arms": [{"version": version}]})
    return found
