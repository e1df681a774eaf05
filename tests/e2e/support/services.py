"""InferenceServices in Knative mode: made of the project's own manifests, changed, waited for."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.cluster.settings import DOMAIN
from tests.e2e.support.kube import Document, Kube, condition
from tests.e2e.support.waiting import NotYet, wait_for

REPOSITORY = Path(__file__).parents[3]
KIND_OVERLAY = REPOSITORY / "manifests/overlays/kind"
EXAMPLES = REPOSITORY / "manifests/examples"

#: A new revision took 4-14 s on two idle cores; a busy machine is no failure.
PATIENCE = 120.0


@dataclass(frozen=True)
class Service:
    """One InferenceService of the cluster."""

    kube: Kube
    namespace: str
    name: str

    @property
    def host(self) -> str:
        """The name under which the ingress knows it."""
        return f"{self.name}-predictor.{self.namespace}.{DOMAIN}"

    @property
    def knative(self) -> Document:
        """The Knative Service that KServe made of it."""
        return self.kube.get(
            "services.serving.knative.dev", f"{self.name}-predictor", self.namespace
        )

    @property
    def newest(self) -> str:
        """The revision made last, ready or not."""
        name: str = self.knative["status"]["latestCreatedRevisionName"]
        return name

    def get(self) -> Document:
        """The InferenceService itself."""
        return self.kube.get("inferenceservice", self.name, self.namespace)

    def change(self, **predictor: Any) -> None:
        """Merge into ``spec.predictor``; None removes a field."""
        self.kube.patch(
            "inferenceservice", self.name, self.namespace, {"spec": {"predictor": predictor}}
        )

    def pods(self, revision: str = "") -> list[Document]:
        """Its pods, those that are ending too; of one revision, or of all."""
        selector = f"serving.kserve.io/inferenceservice={self.name}"
        if revision:
            selector += f",serving.knative.dev/revision={revision}"
        return self.kube.all("pods", self.namespace, selector)

    def running(self) -> list[Document]:
        """Its pods that are ready and not ending."""
        return [pod for pod in self.pods() if is_ready(pod) and not is_ending(pod)]

    def until_ready(self) -> str:
        """Wait until all that was asked for is there; gives the newest revision."""

        def look() -> str:
            knative = self._settled()
            if condition(self.get(), "Ready")["status"] != "True":
                raise NotYet(f"the InferenceService says {condition(self.get(), 'Ready')}")
            revision: str = knative["status"]["latestReadyRevisionName"]
            return revision

        return wait_for(f"ready {self.namespace}/{self.name}", look, PATIENCE)

    def until_traffic(self, wanted: Mapping[str, int]) -> None:
        """Wait until revisions have these percents of the traffic, and no other has any."""

        def look() -> None:
            found = traffic(self._settled())
            if found != wanted:
                raise NotYet(f"the traffic is {found}")

        wait_for(f"traffic {wanted} of {self.namespace}/{self.name}", look, PATIENCE)

    def until_newer(self, revision: str) -> str:
        """Wait for a ready revision other than the given one; gives its name."""

        def look() -> str:
            newest: str = self._settled()["status"]["latestReadyRevisionName"]
            if newest == revision:
                raise NotYet(f"the newest ready revision is {newest}")
            return newest

        return wait_for(f"revision of {self.name} after {revision}", look, PATIENCE)

    def until_running(self, count: int, seconds: float = PATIENCE) -> list[Document]:
        """Wait until so many pods are ready, and no more are there but those that are ending."""

        def look() -> list[Document]:
            there = [pod for pod in self.pods() if not is_ending(pod)]
            ready = [pod for pod in there if is_ready(pod)]
            if len(ready) != count or len(there) != count:
                raise NotYet(f"{len(there)} pods, {len(ready)} of them ready")
            return ready

        return wait_for(f"{count} ready pods of {self.name}", look, seconds)

    def _settled(self) -> Document:
        """The Knative Service, once it is ready as it was last asked to be.

        KServe copies its ``observedGeneration``, so the InferenceService's own says nothing.
        """
        found = self.kube.find(
            "services.serving.knative.dev", f"{self.name}-predictor", self.namespace
        )
        if found is None:
            raise NotYet("there is no Knative Service")
        status = found.get("status", {})
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            raise NotYet("Knative has not seen the newest generation")
        if condition(found, "Ready")["status"] != "True":
            raise NotYet(f"Knative says {condition(found, 'Ready')}")
        if status["latestReadyRevisionName"] != status["latestCreatedRevisionName"]:
            raise NotYet(f"{status['latestCreatedRevisionName']} is not ready")
        return found


def traffic(knative: Document) -> dict[str, int]:
    """Percent by revision, of those that have any."""
    shares: dict[str, int] = {}
    for target in knative.get("status", {}).get("traffic", []):
        if target.get("percent"):
            name = target["revisionName"]
            shares[name] = shares.get(name, 0) + target["percent"]
    return shares


def is_ready(pod: Document) -> bool:
    """Whether a pod takes requests."""
    return bool(condition(pod, "Ready")["status"] == "True")


def has_begun(pod: Document) -> bool:
    """Whether the processes of a pod's containers run."""
    containers = pod["status"].get("containerStatuses", [])
    return bool(containers) and all("running" in container["state"] for container in containers)


def is_ending(pod: Document) -> bool:
    """Whether a pod was told to end."""
    return "deletionTimestamp" in pod["metadata"]


def model(kube: Kube, name: str, storage: str | None = None, **predictor: Any) -> Document:
    """A model of the kind overlay, as `kubectl apply -k` has it, without a namespace.

    ``storage`` is another ``storageUri``; ``predictor`` is merged into ``spec.predictor``.
    """
    return _changed(overlay(kube)[name], storage, predictor)


def example(file: str, storage: str | None = None, **predictor: Any) -> Document:
    """The InferenceService of a file of ``manifests/examples``, changed as ``model`` does."""
    documents = yaml.safe_load_all((EXAMPLES / file).read_text("utf-8"))
    found = next(item for item in documents if item["kind"] == "InferenceService")
    return _changed(found, storage, predictor)


def deploy(kube: Kube, namespace: str, document: Document) -> Service:
    """Apply an InferenceService, without waiting."""
    kube.apply(document, namespace=namespace)
    return Service(kube, namespace, document["metadata"]["name"])


def _changed(document: Document, storage: str | None, predictor: Mapping[str, Any]) -> Document:
    changed = copy.deepcopy(document)
    changed["metadata"].pop("namespace", None)
    spec = changed["spec"]["predictor"]
    _merge(spec, predictor)
    if storage:
        spec["model"]["storageUri"] = storage
    return changed


def _merge(into: Document, more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


@cache
def overlay(kube: Kube) -> dict[str, Document]:
    """The InferenceServices of the kind overlay, by name."""
    documents = yaml.safe_load_all(kube.run("kustomize", str(KIND_OVERLAY)))
    return {
        item["metadata"]["name"]: item for item in documents if item["kind"] == "InferenceService"
    }
