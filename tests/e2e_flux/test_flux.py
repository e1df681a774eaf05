"""A canary is started, moved and taken back by commits alone, with a real Flux."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.support.kube import Kube
from tests.e2e.support.load import Load
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import Service, model
from tests.e2e.support.times import Times
from tests.e2e_flux.git_server import GitServer, Repository
from tests.e2e_flux.synced import Synced


@pytest.fixture(scope="module")
def synced(kube: Kube, namespace: str, git: tuple[GitServer, Repository]) -> Synced:
    """The namespace, with nothing committed yet."""
    return Synced(kube, namespace, git[1])


@pytest.fixture(scope="module")
def service(synced: Synced, git: tuple[GitServer, Repository]) -> Iterator[Service]:
    """diabetes v1, as the repository says."""
    _commit(synced, "v1")
    with synced.followed(git[0], "diabetes") as deployed:
        deployed.until_ready()
        yield deployed


def _commit(synced: Synced, version: str, **predictor: int) -> None:
    document = model(synced.kube, "diabetes", f"pvc://models/diabetes/{version}", **predictor)
    weight = f" at {predictor['canaryTrafficPercent']}" if predictor else ""
    synced.commit(document, f"diabetes {version}{weight}")


def test_a_canary_lives_by_commits_alone(
    service: Service, kube: Kube, synced: Synced, times: Times
) -> None:
    first = service.until_ready()
    with Load(diabetes(kube.settings.http_port, service.host), rate=10) as load:
        _commit(synced, "v2", canaryTrafficPercent=0)
        second = service.until_newer(first)
        service.until_traffic({first: 100})
        began = time.monotonic()
        _commit(synced, "v2", canaryTrafficPercent=20)
        service.until_traffic({first: 80, second: 20})
        times.add("a commit's weight, until the traffic has it", time.monotonic() - began)
        _commit(synced, "v2", canaryTrafficPercent=50)
        service.until_traffic({first: 50, second: 50})
        synced.repository.revert()
        service.until_traffic({first: 80, second: 20})
        _commit(synced, "v2", canaryTrafficPercent=0)
        service.until_traffic({first: 100})
    assert not load.tally.failures
    assert load.tally.answered > 0
    # Flux's own labels are on it by now, and made no revision of their own.
    labels = service.get()["metadata"]["labels"]
    assert labels["kustomize.toolkit.fluxcd.io/name"] == "trellis-models"
    assert service.newest == second


def test_the_last_commit_promotes(service: Service, synced: Synced) -> None:
    newest = service.newest
    _commit(synced, "v2", canaryTrafficPercent=20)
    _commit(synced, "v2")
    service.until_traffic({newest: 100})
