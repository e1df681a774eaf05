"""A namespace of its own for what a test file makes, with a claim on the models."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.waiting import NotYet, wait_for

#: Of the names of all namespaces that tests make; those of an earlier run may still be ending.
PREFIX = "e2e-"

#: Kubernetes looks at a namespace that ends again after half of the time that its pods may take,
#: which is five minutes for Knative's, though they end within one.
END_SECONDS = 300.0


@contextmanager
def namespace(kube: Kube, name: str, models: str = "/models") -> Iterator[str]:
    """A namespace under Pod Security "restricted" that holds a bound claim ``models``.

    ``models`` is the folder of the nodes behind the claim. One that an earlier run left is
    removed first; at the end the namespace is told to go and not waited for.
    """
    volume = f"models-{name}"
    _remove(kube, name, volume)
    kube.until_gone("namespace", name, "", END_SECONDS)
    kube.until_gone("persistentvolume", volume, "", END_SECONDS)
    kube.apply(*_documents(name, volume, models))
    try:
        # A pod whose claim is not bound yet is looked at again only after ten seconds.
        wait_for(f"bound claim models in {name}", lambda: _bound(kube, name), 60)
        yield name
    finally:
        _remove(kube, name, volume)


def _remove(kube: Kube, name: str, volume: str) -> None:
    kube.delete("namespace", name, wait=False)
    kube.delete("persistentvolume", volume, wait=False)


def _bound(kube: Kube, name: str) -> None:
    phase = kube.get("persistentvolumeclaim", "models", name).get("status", {}).get("phase")
    if phase != "Bound":
        raise NotYet(f"it is {phase}")


def _documents(name: str, volume: str, models: str) -> list[Document]:
    modes = ["enforce", "audit", "warn"]
    common = {"storageClassName": "", "accessModes": ["ReadOnlyMany"]}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                **common,
                "capacity": {"storage": "1Gi"},
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": models, "type": "Directory"},
                "claimRef": {"namespace": name, "name": "models"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models", "namespace": name},
            "spec": {
                **common,
                "volumeName": volume,
                "resources": {"requests": {"storage": "1Gi"}},
            },
        },
    ]
