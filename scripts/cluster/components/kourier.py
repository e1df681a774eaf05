"""Kourier, the way into the cluster: a NodePort that kind forwards to the host."""

from scripts.cluster.components.system import settle
from scripts.cluster.documents import Document, Manifest, read
from scripts.cluster.settings import HTTP_NODE_PORT, HTTPS_NODE_PORT

NAMESPACE = "kourier-system"

#: The certificate of the https listener, where there is one.
SECRET = "trellis-ingress"  # noqa: S105 # a name

_GATEWAY = "3scale-kourier-gateway"
_NODE_PORTS = {80: HTTP_NODE_PORT, 443: HTTPS_NODE_PORT}


def manifest(text: str, envoy: str | None, tls: bool) -> Manifest:
    """What is applied; ``envoy`` is the gateway's image where the manifest's own is not wanted."""
    kourier = read(text)
    service = kourier.find("Service", "kourier")
    service["spec"]["type"] = "NodePort"
    for port in service["spec"]["ports"]:
        port["nodePort"] = _NODE_PORTS[port["port"]]
    pod = kourier.find("Deployment", _GATEWAY)["spec"]["template"]["spec"]
    if envoy:
        for container in pod["containers"]:
            container["image"] = envoy
    configuration: Document = kourier.find("ConfigMap", "config-kourier")
    configuration["data"]["certs-secret-name"] = SECRET if tls else ""
    configuration["data"]["certs-secret-namespace"] = NAMESPACE if tls else ""
    settle(kourier)
    # Where it has asked for its controller in vain, Envoy asks again only after half a minute.
    pod["containers"][0]["startupProbe"] = {
        **pod["containers"][0]["readinessProbe"],
        "failureThreshold": 20,
    }
    return kourier


def without_gateway(kourier: Manifest) -> tuple[Manifest, Manifest]:
    """The controller, and the gateway, which is to be applied when the controller answers."""
    gateway = kourier.find("Deployment", _GATEWAY)
    rest = [item for item in kourier.objects if item is not gateway]
    return Manifest(kourier.definitions, rest), Manifest(objects=[gateway])
