"""A commit brings a new version and nothing else; the controller moves its traffic, and Flux, which applies
the commit again and again, leaves the weight alone.
"""

import time
from collections.abc import Iterator

import pytest

from scripts.cluster.program import Program
from tests.e2e.support.gateway import install
from tests.e2e.support.kube import Kube
from tests.e2e.support.load import Load
from tests.e2e.support.requests import diabetes
from tests.e2e.support.rollouts import Rollout, Shares
from tests.e2e.support.services import Service, model
from tests.e2e_flux.git_server import GitServer, Repository
from tests.e2e_flux.synced import Synced

RATE = 40.0
#: Flux applies every five seconds: the first step holds through two of them at least.
STEPS = [{"weight": 20, "minimumTime": "15s"}, {"weight": 50, "minimumTime": "1s"}]
GUARDRAILS = [{"metric": "errors", "margin": {"ratio": 2}, "negligible": "20%"}]


@pytest.fixture(scope="module")
def rollout(
    kube: Kube, helm: Program, namespace: str, git: tuple[GitServer, Repository]
) -> Iterator[Rollout]:
    """diabetes v1 by a commit, a controller, and a Rollout that waits for the next version."""
    install(
        kube,
        helm,
        namespace,
        {"gateway": {"enabled": False}, "controller": {"enabled": True, "replicas": 1}},
    )
    synced = Synced(kube, namespace, git[1])
    synced.commit(model(kube, "diabetes", "pvc://models/diabetes/v1"), "diabetes v1")
    with synced.followed(git[0], "diabetes") as deployed:
        deployed.until_ready()
        found = Rollout(kube, namespace, "diabetes")
        found.apply(steps=STEPS, guardrails=GUARDRAILS)
        found.until("Idle")
        yield found


def test_a_commit_is_all_that_a_new_version_needs(
    rollout: Rollout, kube: Kube, namespace: str, git: tuple[GitServer, Repository]
) -> None:
    service = Service(kube, namespace, "diabetes")
    synced = Synced(kube, namespace, git[1])
    with (
        Load(diabetes(kube.settings.http_port, service.host), RATE) as load,
        Shares(service) as shares,
    ):
        synced.commit(model(kube, "diabetes", "pvc://models/diabetes/v2"), "diabetes v2")
        promoted = rollout.until("Promoted", "v2")
        service.until_traffic({promoted["stable"]["revision"]: 100})
        time.sleep(12)  # for Flux to apply it twice more
    assert shares.of(promoted["stable"]["revision"]) == [0, 20, 50, 100]
    assert load.tally.failures == []
    assert rollout.status["phase"] == "Promoted"
