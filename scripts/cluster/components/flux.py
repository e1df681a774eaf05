"""Flux: what a git repository says becomes what the cluster has."""

from scripts.cluster.components.system import settle
from scripts.cluster.documents import Document, Manifest, read

NAMESPACE = "flux-system"
_CONTROLLERS = ("source-controller", "kustomize-controller")
_RBAC = "rbac.authorization.k8s.io"


def manifest(text: str) -> Manifest:
    """What is applied: of both controllers' own manifests the definitions, Deployments and Services;
    who they are and what they may is said here, since the releases say it elsewhere.
    """
    flux = read(text)
    flux.objects = [item for item in flux.objects if item["kind"] in {"Deployment", "Service"}]
    for item in flux.objects:
        item["metadata"]["namespace"] = NAMESPACE
    for name in _CONTROLLERS:
        pod = flux.find("Deployment", name)["spec"]["template"]["spec"]
        pod["serviceAccountName"] = name
    settle(flux)
    flux.objects[:0] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        *(_account(name) for name in _CONTROLLERS),
        _may_all(),
    ]
    return flux


def _account(name: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE},
    }


def _may_all() -> Document:
    """A repository may hold any kind of object, so who applies it may write any."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "flux"},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [
            {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
            for name in _CONTROLLERS
        ],
    }
