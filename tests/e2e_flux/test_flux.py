"""A canary is started, moved and taken back by commits alone, with a real Flux."""

import time

import pytest
import yaml

from scripts.cluster.preflight import engine
from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.load import Load
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import REPOSITORY, Service, model
from tests.e2e.support.times import Times
from tests.e2e_flux.git_server import NAME, GitServer, Repository

SYNC = REPOSITORY / "manifests/components/flux/sync.yaml"
FOLDER = "models"


def _gateway_of_nodes() -> str:
    """This machine's address on the network of the nodes."""
    template = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    addresses = engine().docker("network", "inspect", "kind", "--format", template).split()
    return next(address for address in addresses if "." in address)


def _sync(server: GitServer, namespace: str) -> list[Document]:
    """The project's own example, of this repository and namespace, and looked at more often."""
    source, apply = yaml.safe_load_all(SYNC.read_text("utf-8"))
    source["spec"] |= {
        "interval": "2s",
        "url": f"http://{_gateway_of_nodes()}:{server.port}/{NAME}",
    }
    apply["spec"] |= {"path": f"./{FOLDER}", "targetNamespace": namespace, "retryInterval": "5s"}
    return [source, apply]


@pytest.fixture(scope="module")
def service(kube: Kube, namespace: str, git: tuple[GitServer, Repository]) -> Service:
    """diabetes v1, as the repository says."""
    server, repository = git
    _commit(kube, repository, "v1")
    kube.apply(*_sync(server, namespace))
    deployed = Service(kube, namespace, "diabetes")
    _until_there(kube, namespace)
    deployed.until_ready()
    return deployed


def _commit(kube: Kube, repository: Repository, version: str, **predictor: int) -> None:
    document = model(kube, "diabetes", f"pvc://models/diabetes/{version}", **predictor)
    weight = f" at {predictor['canaryTrafficPercent']}" if predictor else ""
    repository.commit(
        {f"{FOLDER}/diabetes.yaml": yaml.safe_dump(document)}, f"diabetes {version}{weight}"
    )


def _until_there(kube: Kube, namespace: str) -> None:
    until = time.monotonic() + 120
    while kube.find("inferenceservice", "diabetes", namespace) is None:
        assert time.monotonic() < until, kube.run(
            "get", "gitrepository,kustomization", "--all-namespaces", "-o", "yaml"
        )
        time.sleep(0.5)


def test_a_canary_lives_by_commits_alone(
    service: Service, kube: Kube, git: tuple[GitServer, Repository], times: Times
) -> None:
    _, repository = git
    first = service.until_ready()
    with Load(diabetes(kube.settings.http_port, service.host), rate=10) as load:
        _commit(kube, repository, "v2", canaryTrafficPercent=0)
        second = service.until_newer(first)
        service.until_traffic({first: 100})
        began = time.monotonic()
        _commit(kube, repository, "v2", canaryTrafficPercent=20)
        service.until_traffic({first: 80, second: 20})
        times.add("a commit's weight, until the traffic has it", time.monotonic() - began)
        _commit(kube, repository, "v2", canaryTrafficPercent=50)
        service.until_traffic({first: 50, second: 50})
        repository.revert()
        service.until_traffic({first: 80, second: 20})
        _commit(kube, repository, "v2", canaryTrafficPercent=0)
        service.until_traffic({first: 100})
    assert not load.tally.failures
    assert load.tally.answered > 0
    # Flux's own labels are on it by now, and made no revision of their own.
    labels = service.get()["metadata"]["labels"]
    assert labels["kustomize.toolkit.fluxcd.io/name"] == "trellis-models"
    assert service.newest == second


def test_the_last_commit_promotes(
    service: Service, kube: Kube, git: tuple[GitServer, Repository]
) -> None:
    _, repository = git
    newest = service.newest
    _commit(kube, repository, "v2", canaryTrafficPercent=20)
    _commit(kube, repository, "v2")
    service.until_traffic({newest: 100})
