"""KServe in Knative mode, with a webhook certificate of our own instead of cert-manager's."""

import base64
import json
from typing import Any

from scripts.cluster.certificates import Pair
from scripts.cluster.components.system import settle
from scripts.cluster.components.tls_secret import tls
from scripts.cluster.documents import Document, Manifest, read
from scripts.cluster.settings import DOMAIN
from trellis.local import gitops_keys

NAMESPACE = "kserve"
WEBHOOK = "kserve-webhook-server-service.kserve.svc"
_SECRET = "kserve-webhook-server-cert"  # noqa: S105 # a name

#: The release has two more controllers (language models, models kept on nodes) and what only
#: cert-manager and the proxy before the metrics need.
_OTHERS = ("llm", "localmodel", "inferencepool", "inferenceobjective", "inferencemodelrewrite")
_LEFT_OUT = frozenset({"Certificate", "Issuer"})
_OF_THE_PROXY = frozenset(
    {"kserve-controller-manager-service", "kserve-controller-manager-metrics-service"}
)


def manifest(text: str, webhook: Pair, authority: Pair) -> Manifest:
    """What is applied; ``webhook`` is the certificate for `WEBHOOK`, signed by ``authority``."""
    kserve = read(text, keep=_wanted)
    kserve.objects.insert(0, _namespace())
    kserve.objects.append(tls(NAMESPACE, _SECRET, webhook))
    bundle = base64.b64encode(authority.certificate).decode()
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        for configuration in kserve.of_kind(kind):
            configuration["metadata"].pop("annotations", None)  # they ask cert-manager
            for item in configuration["webhooks"]:
                item["clientConfig"]["caBundle"] = bundle
    pod = kserve.find("Deployment", "kserve-controller-manager")["spec"]["template"]["spec"]
    # It guards nothing but the controller's own metrics.
    pod["containers"] = [item for item in pod["containers"] if item["name"] == "manager"]
    _configure(kserve.find("ConfigMap", "inferenceservice-config")["data"])
    settle(kserve)
    # The Secret comes before what mounts it.
    kserve.objects.sort(key=lambda item: item["kind"] == "Deployment")
    kserve.objects.sort(key=lambda item: "Webhook" in item["kind"])
    return kserve


def _wanted(kind: str, name: str) -> bool:
    return (
        kind not in _LEFT_OUT
        and name not in _OF_THE_PROXY
        and not any(other in name for other in _OTHERS)
    )


def _namespace() -> Document:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _configure(data: dict[str, str]) -> None:
    _update(
        data,
        "ingress",
        ingressDomain=DOMAIN,
        ingressClassName="kourier",
        ingressGateway="knative-serving/knative-ingress-gateway",
        disableIstioVirtualHost=True,
        # In Standard mode no controller here serves an Ingress; the Service is the address.
        disableIngressCreation=True,
    )
    _update(data, "deploy", defaultDeploymentMode="Knative")
    _update(
        data,
        "inferenceService",
        serviceAnnotationDisallowedList=list(gitops_keys.ANNOTATIONS),
        serviceLabelDisallowedList=list(gitops_keys.LABELS),
        resource={
            "cpuRequest": "25m",
            "memoryRequest": "128Mi",
            "cpuLimit": "1",
            "memoryLimit": "1Gi",
        },
    )


def _update(data: dict[str, str], key: str, **values: Any) -> None:
    data[key] = json.dumps({**json.loads(data.get(key) or "{}"), **values}, indent=2)
