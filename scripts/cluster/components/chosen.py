"""The components that a cluster is to have: their documents, and the namespaces they live in."""

from dataclasses import dataclass, field

from scripts.cluster.certificates import authority, signed
from scripts.cluster.cluster import Cluster
from scripts.cluster.components import (
    flux,
    keda,
    knative,
    kourier,
    kserve,
    metrics_server,
    prometheus,
)
from scripts.cluster.components.tls_secret import tls
from scripts.cluster.documents import Document, Manifest
from scripts.cluster.settings import DOMAIN, NAMESPACE


@dataclass(frozen=True)
class Component:
    """One component: its name for people, its documents, the namespace that is waited for.

    ``later`` is applied when everything else is available.
    """

    name: str
    manifest: Manifest
    namespace: str
    later: Manifest = field(default_factory=Manifest)


def components(cluster: Cluster) -> list[Component]:
    """What is to be applied, in this order."""
    supply, extras = cluster.supply, cluster.extras
    secure = bool(extras & {"tls", "redirect"})
    signer = authority(cluster.settings.state)
    webhook = signed(signer, [kserve.WEBHOOK])
    controller, gateway = kourier.without_gateway(
        kourier.manifest(supply.manifest("net-kourier"), supply.envoy, tls=secure)
    )
    chosen = [
        Component(
            "Knative",
            knative.manifest(supply.manifest("knative"), redirect="redirect" in extras),
            knative.NAMESPACE,
        ),
        Component("Kourier", controller, kourier.NAMESPACE, later=gateway),
        Component(
            "KServe",
            kserve.manifest(supply.manifest("kserve"), webhook, signer),
            kserve.NAMESPACE,
        ),
    ]
    if secure:
        controller.objects.insert(1, _ingress_certificate(cluster))
    if "metrics-server" in extras:
        chosen.append(
            Component(
                "metrics-server",
                metrics_server.manifest(supply.manifest("metrics-server")),
                metrics_server.NAMESPACE,
            )
        )
    if "keda" in extras:
        chosen.append(Component("KEDA", keda.manifest(supply.manifest("keda")), keda.NAMESPACE))
    if "prometheus" in extras:
        chosen.append(
            Component("Prometheus", prometheus.manifest(supply.prometheus), prometheus.NAMESPACE)
        )
    if "flux" in extras:
        chosen.append(
            Component("Flux", flux.manifest(supply.manifest("source-controller")), flux.NAMESPACE)
        )
    return chosen


def _ingress_certificate(cluster: Cluster) -> Document:
    names = [f"*.{NAMESPACE}.{DOMAIN}", f"{NAMESPACE}.{DOMAIN}"]
    pair = signed(authority(cluster.settings.state), names)
    return tls(kourier.NAMESPACE, kourier.SECRET, pair)
