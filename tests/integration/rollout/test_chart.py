"""What charts/trellis renders of the controller, in a real API server: taken, and what it allows."""

from typing import Any

import pytest

from tests.integration.rollout.api_server import ApiServer
from tests.unit.charts.helm import PLATFORM, Document, Helm
from tests.unit.manifests.conftest import tool

#: Where the API server keeps each kind; the order is that of an install.
PLACES = {
    "CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Service": "/api/v1/namespaces/{}/services",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PodDisruptionBudget": "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1"
    "/mutatingwebhookconfigurations",
}
READ = ("get", "list", "watch")


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))


def install(api: ApiServer, helm: Helm, namespace: str, **controller: Any) -> list[Document]:
    """Apply what the chart renders; its webhook only dry, since nothing here answers for it."""
    values = {"controller": {"enabled": True, **controller}}
    flags = ("--namespace", namespace)
    rendered = [
        item for item in helm.render(PLATFORM, values, flags=flags) if item["kind"] in PLACES
    ]
    for document in sorted(rendered, key=lambda item: [*PLACES].index(item["kind"])):
        metadata = document["metadata"]
        path = f"{PLACES[document['kind']].format(namespace)}/{metadata['name']}"
        dry = "&dryRun=All" if "Webhook" in document["kind"] else ""
        query = f"?fieldManager=helm&force=true&fieldValidation=Strict{dry}"
        api.call("PATCH", path + query, document, "application/apply-patch+yaml")
    return rendered


def may(api: ApiServer, account: str, namespace: str, verb: str, what: str, name: str = "") -> bool:
    """Whether the controller of ``account`` is allowed it; ``what`` is ``group/resource``."""
    group, _, resource = what.partition("/")
    resource, _, part = resource.partition("/")
    asked = {"verb": verb, "group": group, "resource": resource, "subresource": part, "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{account}:trellis-controller",
            "resourceAttributes": {"namespace": namespace, **asked},
        },
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(api.call("POST", path, review)["status"]["allowed"])


ALLOWED = [
    *((verb, "trellis.dev/rollouts", "") for verb in (*READ, "patch")),
    *((verb, "trellis.dev/experiments", "") for verb in (*READ, "create", "patch")),
    ("update", "trellis.dev/rollouts/status", ""),
    ("update", "trellis.dev/experiments/status", ""),
    *((verb, "serving.kserve.io/inferenceservices", "") for verb in (*READ, "patch")),
    *((verb, "serving.knative.dev/revisions", "") for verb in READ),
    *((verb, "serving.knative.dev/services", "") for verb in READ),
    *((verb, "/pods", "") for verb in READ),
    ("create", "/events", ""),
]
OF_ITS_OWN_NAMESPACE = [
    *((verb, "/configmaps", "trellis-controller-table") for verb in (*READ, "patch")),
    ("create", "/secrets", ""),
    ("get", "/secrets", "trellis-controller-webhook"),
    ("delete", "/secrets", "trellis-controller-webhook"),
]
DENIED = [
    ("get", "/secrets", "trellis-gateway"),
    ("list", "/secrets", ""),
    ("delete", "/pods", ""),
    ("create", "/pods", ""),
    ("get", "/configmaps", ""),
    ("list", "/configmaps", ""),
    ("create", "/configmaps", ""),
    ("patch", "/configmaps", "trellis-routing-table"),
    ("update", "serving.kserve.io/inferenceservices", ""),
    ("delete", "serving.kserve.io/inferenceservices", ""),
    ("patch", "serving.knative.dev/services", ""),
    ("delete", "trellis.dev/rollouts", ""),
    ("delete", "trellis.dev/experiments", ""),
    ("get", "apps/deployments", ""),
]


def test_in_one_namespace(api_server: ApiServer, helm: Helm, namespace: str) -> None:
    install(api_server, helm, namespace)
    granted = {
        where: {
            (verb, what, name)
            for verb, what, name in (*ALLOWED, *OF_ITS_OWN_NAMESPACE, *DENIED)
            if may(api_server, namespace, where, verb, what, name)
        }
        for where in (namespace, "default")
    }
    assert granted == {namespace: {*ALLOWED, *OF_ITS_OWN_NAMESPACE}, "default": set()}
    own = f"trellis-controller-{namespace}"
    configurations = "admissionregistration.k8s.io/mutatingwebhookconfigurations"
    assert may(api_server, namespace, "", "patch", configurations, own)
    assert not may(api_server, namespace, "", "patch", configurations, "another")
    assert not may(api_server, namespace, "", "list", configurations)


def test_cluster_wide(api_server: ApiServer, helm: Helm, namespace: str) -> None:
    install(api_server, helm, namespace, scope="cluster", replicas=1)
    granted = {
        where: {
            (verb, what, name)
            for verb, what, name in (*ALLOWED, *OF_ITS_OWN_NAMESPACE, *DENIED)
            if may(api_server, namespace, where, verb, what, name)
        }
        for where in (namespace, "default")
    }
    assert granted == {namespace: {*ALLOWED, *OF_ITS_OWN_NAMESPACE}, "default": {*ALLOWED}}


def test_every_kind_of_the_controller_was_tried(
    api_server: ApiServer, helm: Helm, namespace: str
) -> None:
    rendered = install(api_server, helm, namespace, metricsSource="scrape")
    own = {
        item["kind"]
        for item in rendered
        if item["metadata"]["name"].startswith("trellis-controller")
    }
    assert own == set(PLACES) - {"CustomResourceDefinition", "Secret", "NetworkPolicy"}


def test_whoever_may_edit_a_namespace_may_edit_rollouts(
    api_server: ApiServer, helm: Helm, namespace: str
) -> None:
    """The roles carry the labels by which Kubernetes adds them to its own."""
    install(api_server, helm, namespace)
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    for name in ("view", "edit"):
        selector = api_server.call("GET", f"{roles}/{name}")["aggregationRule"]
        (labels,) = (item["matchLabels"] for item in selector["clusterRoleSelectors"])
        found = api_server.call("GET", f"{roles}/trellis-{name}")["metadata"]["labels"]
        assert labels.items() <= found.items()
