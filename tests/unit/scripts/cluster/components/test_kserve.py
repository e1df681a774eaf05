import base64
import json
from typing import Any

import pytest

from scripts.cluster.certificates import Pair
from scripts.cluster.components import kserve
from scripts.cluster.documents import Manifest, definition_names
from trellis.local import gitops_keys

TEXT = """\
kind: CustomResourceDefinition
metadata:
  name: inferenceservices.serving.kserve.io
---
kind: CustomResourceDefinition
metadata:
  name: llminferenceservices.serving.kserve.io
---
kind: CustomResourceDefinition
metadata:
  name: localmodelcaches.serving.kserve.io
---
kind: ConfigMap
metadata:
  name: inferenceservice-config
data:
  ingress: '{"enableGatewayApi": false, "ingressDomain": "example.com"}'
  agent: '{"image": "kserve/agent:v1"}'
---
kind: Deployment
metadata:
  name: kserve-controller-manager
spec:
  template:
    spec:
      containers:
        - {name: manager, image: "kserve/kserve-controller:v1", imagePullPolicy: Always}
        - {name: kube-rbac-proxy, image: "proxy:v1"}
---
kind: Deployment
metadata:
  name: llmisvc-controller-manager
spec: {}
---
kind: Certificate
metadata:
  name: serving-cert
---
kind: Issuer
metadata:
  name: selfsigned-issuer
---
kind: Service
metadata:
  name: kserve-controller-manager-metrics-service
---
kind: ValidatingWebhookConfiguration
metadata:
  annotations:
    cert-manager.io/inject-ca-from: kserve/serving-cert
  name: inferenceservice.serving.kserve.io
webhooks:
  - {name: one, clientConfig: {service: {name: kserve-webhook-server-service}}}
  - {name: two, clientConfig: {service: {name: kserve-webhook-server-service}}}
"""


@pytest.fixture
def manifest() -> Manifest:
    return kserve.manifest(TEXT, Pair(b"certificate", b"key"), Pair(b"authority", b"its key"))


def settings(manifest: Manifest, key: str) -> Any:
    return json.loads(manifest.find("ConfigMap", "inferenceservice-config")["data"][key])


def test_only_the_controller_of_inference_services_is_there(manifest: Manifest) -> None:
    assert definition_names(manifest) == ["inferenceservices.serving.kserve.io"]
    assert [item["metadata"]["name"] for item in manifest.of_kind("Deployment")] == [
        "kserve-controller-manager"
    ]
    kinds = {item["kind"] for item in manifest.objects}
    assert not kinds & {"Certificate", "Issuer", "Service"}


def test_the_namespace_comes_first_and_the_webhooks_last(manifest: Manifest) -> None:
    kinds = [item["kind"] for item in manifest.objects]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "ValidatingWebhookConfiguration"
    assert kinds.index("Secret") < kinds.index("Deployment")


def test_every_webhook_trusts_our_authority_and_asks_no_cert_manager(manifest: Manifest) -> None:
    (configuration,) = manifest.of_kind("ValidatingWebhookConfiguration")
    assert "annotations" not in configuration["metadata"]
    bundles = [item["clientConfig"]["caBundle"] for item in configuration["webhooks"]]
    assert [base64.b64decode(bundle) for bundle in bundles] == [b"authority", b"authority"]
    secret = manifest.find("Secret", "kserve-webhook-server-cert")
    assert base64.b64decode(secret["data"]["tls.crt"]) == b"certificate"


def test_the_manager_stands_alone_in_its_pod(manifest: Manifest) -> None:
    pod = manifest.find("Deployment", "kserve-controller-manager")["spec"]["template"]["spec"]
    assert [item["name"] for item in pod["containers"]] == ["manager"]
    assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_knative_mode_behind_kourier(manifest: Manifest) -> None:
    ingress = settings(manifest, "ingress")
    assert ingress["disableIstioVirtualHost"] is True
    assert ingress["ingressDomain"] == "localhost"
    assert ingress["enableGatewayApi"] is False
    assert settings(manifest, "deploy")["defaultDeploymentMode"] == "Knative"
    assert settings(manifest, "agent") == {"image": "kserve/agent:v1"}


def test_the_keys_of_gitops_tools_make_no_revision(manifest: Manifest) -> None:
    service = settings(manifest, "inferenceService")
    assert service["serviceLabelDisallowedList"] == list(gitops_keys.LABELS)
    assert service["serviceAnnotationDisallowedList"] == list(gitops_keys.ANNOTATIONS)


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("argocd.argoproj.io/tracking-id", gitops_keys.ANNOTATIONS),
        ("app.kubernetes.io/instance", gitops_keys.LABELS),
        ("kustomize.toolkit.fluxcd.io/name", gitops_keys.LABELS),
        ("kustomize.toolkit.fluxcd.io/namespace", gitops_keys.LABELS),
        ("helm.toolkit.fluxcd.io/name", gitops_keys.LABELS),
        ("app.kubernetes.io/managed-by", gitops_keys.LABELS),
        ("meta.helm.sh/release-name", gitops_keys.ANNOTATIONS),
    ],
)
def test_each_tool_is_known_by_what_it_puts_on_objects(key: str, keys: tuple[str, ...]) -> None:
    assert key in keys


def test_knatives_and_kserves_own_keys_still_reach_the_revision() -> None:
    listed = (*gitops_keys.LABELS, *gitops_keys.ANNOTATIONS)
    assert not [key for key in listed if "knative.dev" in key or "kserve.io" in key]
