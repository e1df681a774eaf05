"""A namespace that a real Flux keeps as a repository says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import yaml

from scripts.cluster.preflight import engine
from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.services import REPOSITORY, Service
from tests.e2e_flux.git_server import NAME, GitServer, Repository

SYNC = REPOSITORY / "manifests/components/flux/sync.yaml"
_FOLDER = "models"
_PATIENCE = 120.0


@dataclass(frozen=True)
class Synced:
    """One InferenceService, whose manifest is committed."""

    kube: Kube
    namespace: str
    repository: Repository

    def commit(self, document: Document, message: str) -> None:
        """Its manifest from now on."""
        file = f"{_FOLDER}/{document['metadata']['name']}.yaml"
        self.repository.commit({file: yaml.safe_dump(document)}, message)

    @contextmanager
    def followed(self, server: GitServer, name: str) -> Iterator[Service]:
        """Flux looks at the repository for the length of the block; gives the service once Flux has
        made it. In the end all that the repository holds is taken away again.
        """
        documents = _sync(server, self.namespace)
        self.kube.apply(*documents)
        try:
            yield self._made(name)
        finally:
            # What applies goes first, with what it applied; then what it reads.
            for document in reversed(documents):
                self.kube.delete(
                    document["kind"].lower(), document["metadata"]["name"], "flux-system"
                )

    def _made(self, name: str) -> Service:
        until = time.monotonic() + _PATIENCE
        while self.kube.find("inferenceservice", name, self.namespace) is None:
            assert time.monotonic() < until, self.kube.run(
                "get", "gitrepository,kustomization", "--all-namespaces", "-o", "yaml"
            )
            time.sleep(0.5)
        return Service(self.kube, self.namespace, name)


def _sync(server: GitServer, namespace: str) -> list[Document]:
    """The project's own example, of this repository and namespace, and looked at more often."""
    source, apply = yaml.safe_load_all(SYNC.read_text("utf-8"))
    # Another source for each namespace: what an earlier one held last must not come into this.
    source["metadata"]["name"] = apply["spec"]["sourceRef"]["name"] = f"trellis-{namespace}"
    source["spec"] |= {
        "interval": "2s",
        "url": f"http://{_gateway_of_nodes()}:{server.port}/{NAME}",
    }
    apply["spec"] |= {
        "path": f"./{_FOLDER}",
        "targetNamespace": namespace,
        "interval": "5s",
        "retryInterval": "5s",
    }
    return [source, apply]


def _gateway_of_nodes() -> str:
    """This machine's address on the network of the nodes."""
    template = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    addresses = engine().docker("network", "inspect", "kind", "--format", template).split()
    return next(address for address in addresses if "." in address)
