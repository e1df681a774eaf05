"""Knative Serving, set for this cluster."""

from collections.abc import Mapping

from scripts.cluster.components.system import settle
from scripts.cluster.documents import Manifest, read
from scripts.cluster.settings import DOMAIN

NAMESPACE = "knative-serving"

#: Two custom resources that nothing here uses, and that would need a second apply.
_LEFT_OUT = frozenset({"Image", "Certificate"})

CONFIGURATION: Mapping[str, Mapping[str, str]] = {
    "config-network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
    "config-domain": {DOMAIN: ""},
    "config-features": {
        "kubernetes.podspec-persistent-volume-claim": "enabled",  # storageUri: pvc://
        "kubernetes.podspec-nodeselector": "enabled",  # GPU nodes
        "kubernetes.podspec-tolerations": "enabled",
        "kubernetes.podspec-affinity": "enabled",
        "kubernetes.podspec-topologyspreadconstraints": "enabled",
        # Pod Security "restricted": queue-proxy gets what the policy asks for, and a pod may
        # say it for itself.
        "kubernetes.podspec-securitycontext": "enabled",
        "secure-pod-defaults": "enabled",
    },
    "config-deployment": {
        # Nodes hold our images under tags that no registry knows.
        "registries-skipping-tag-resolving": "index.docker.io,dev.local,kind.local,ko.local",
        "progress-deadline": "120s",
        "queue-sidecar-cpu-request": "10m",
        "queue-sidecar-memory-request": "32Mi",
    },
    "config-autoscaler": {
        # Scale in, and to zero, within a person's patience.
        "stable-window": "10s",
        "scale-to-zero-grace-period": "5s",
    },
    "config-observability": {"request-metrics-protocol": "prometheus"},
}


def manifest(text: str, redirect: bool = False) -> Manifest:
    """What is applied; with ``redirect`` plain http is answered with a redirect to https."""
    knative = read(text, keep=lambda kind, _: kind not in _LEFT_OUT)
    for name, values in CONFIGURATION.items():
        knative.find("ConfigMap", name)["data"].update(values)
    protocol = "Redirected" if redirect else "Enabled"
    knative.find("ConfigMap", "config-network")["data"]["http-protocol"] = protocol
    settle(knative)
    return knative
