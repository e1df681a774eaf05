"""What GitOps tools write beside the model starts no revision, and a weight has one owner."""

import time

import pytest

from scripts.cluster.program import ProgramFailed
from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.services import Service, model
from trellis.local import gitops_keys

GIT = ("--server-side", "--field-manager=git")
HAND = ("--server-side", "--field-manager=release-manager")

LABELS = dict.fromkeys(gitops_keys.LABELS, "trellis")
ANNOTATIONS = dict.fromkeys(gitops_keys.ANNOTATIONS, "trellis")


@pytest.fixture(scope="module")
def service(kube: Kube, namespace: str) -> Service:
    """diabetes v1, applied by the manager `git` without a weight."""
    document = model(kube, "diabetes", "pvc://models/diabetes/v1")
    kube.apply(document, namespace=namespace, options=GIT)
    deployed = Service(kube, namespace, "diabetes")
    deployed.until_ready()
    return deployed


def _annotate(kube: Kube, service: Service, metadata: Document) -> None:
    kube.patch("inferenceservice", service.name, service.namespace, {"metadata": metadata})


def test_tracking_metadata_makes_no_revision(service: Service, kube: Kube) -> None:
    before = service.newest
    _annotate(kube, service, {"labels": LABELS, "annotations": ANNOTATIONS})
    _annotate(kube, service, {"annotations": {"argocd.argoproj.io/tracking-id": "moved"}})
    time.sleep(5)  # a revision that is made is made within a second; there is nothing to wait for
    assert service.newest == before
    found = service.get()["metadata"]
    assert LABELS.items() <= found["labels"].items()


def test_any_other_label_makes_one(service: Service, kube: Kube) -> None:
    # Else the test above would pass where KServe looked at no metadata at all.
    before = service.newest
    _annotate(kube, service, {"labels": {"example.com/team": "plants"}})
    service.until_newer(before)


@pytest.fixture(scope="module")
def weighed(kube: Kube, namespace: str) -> Service:
    """sentiment v1 by `git`, with the weight 0 by another manager before there is a second version.

    Later 0 would lead back to the revision before: it is KServe's word for a rollback.
    """
    _git(kube, namespace, "v1")
    deployed = Service(kube, namespace, "sentiment")
    deployed.until_ready()
    _weigh(kube, deployed, 0)
    return deployed


def _git(kube: Kube, namespace: str, version: str, **predictor: int) -> None:
    document = model(kube, "sentiment", f"pvc://models/sentiment/{version}", **predictor)
    kube.apply(document, namespace=namespace, options=GIT)


def _weigh(kube: Kube, service: Service, percent: int) -> None:
    """Apply the one field as another manager, as a controller does."""
    weight: Document = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": service.name},
        "spec": {"predictor": {"canaryTrafficPercent": percent}},
    }
    kube.apply(weight, namespace=service.namespace, options=(*HAND, "--force-conflicts"))


def test_weight_of_another_manager_outlives_a_commit(weighed: Service, kube: Kube) -> None:
    first = weighed.until_ready()
    _git(kube, weighed.namespace, "v2")
    second = weighed.until_newer(first)
    weighed.until_traffic({first: 100})
    _weigh(kube, weighed, 30)
    weighed.until_traffic({first: 70, second: 30})
    _git(kube, weighed.namespace, "v2")  # the same commit, synchronised again
    weighed.until_traffic({first: 70, second: 30})


def test_commit_that_names_a_weight_is_refused(weighed: Service, kube: Kube) -> None:
    with pytest.raises(ProgramFailed) as refused:
        _git(kube, weighed.namespace, "v2", canaryTrafficPercent=50)
    assert "canaryTrafficPercent" in refused.value.said
    assert "release-manager" in refused.value.said
