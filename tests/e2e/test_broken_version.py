"""A version that cannot load never gets traffic, and the InferenceService says why."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.support import broken, namespaces
from tests.e2e.support.kube import Document, Kube, condition
from tests.e2e.support.load import Load, Tally
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import Service, deploy, model
from tests.e2e.support.times import Times
from tests.e2e.support.waiting import NotYet, wait_for

#: The runtime's progress deadline is a minute; Knative and KServe take a while to pass it on.
PATIENCE = 120.0
RATE = 10.0


@dataclass
class Attempt:
    """What was seen while a broken version was offered half of the traffic, and after."""

    refused: Document
    revision: Document
    steady: Tally
    mended: Tally


@pytest.fixture(scope="module")
def namespace(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace whose claim holds a broken version too."""
    folder = broken.put_on_nodes(kube.settings, tmp_path_factory.mktemp("models"))
    with namespaces.namespace(kube, f"{namespaces.PREFIX}broken-version", folder) as name:
        yield name


@pytest.fixture(scope="module")
def attempt(kube: Kube, namespace: str, times: Times) -> Attempt:
    """v1 serves, the broken one is tried at 50 percent, then v2 in its place."""
    service = deploy(kube, namespace, model(kube, "diabetes", "pvc://models/diabetes/v1"))
    first = service.until_ready()
    with Load(diabetes(kube.settings.http_port, service.host), RATE) as load:
        begin = time.monotonic()
        service.change(canaryTrafficPercent=50, model={"storageUri": broken.STORAGE})
        refused = _until_refused(service)
        times.add(
            "a version that cannot load, until the InferenceService says so",
            time.monotonic() - begin,
        )
        revision = kube.get("revisions.serving.knative.dev", service.newest, namespace)
        before = load.tally.copy()
        service.change(canaryTrafficPercent=0, model={"storageUri": "pvc://models/diabetes/v2"})
        third = service.until_newer(first)
        service.change(canaryTrafficPercent=100)
        service.until_traffic({third: 100})
        switched = load.tally.copy()
        time.sleep(20 / RATE)
    mended = Tally(load.tally.since(switched), failures=load.tally.failures)
    return Attempt(refused, revision, before, mended)


def _until_refused(service: Service) -> Document:
    def look() -> Document:
        found = service.get()
        if condition(found, "Ready")["status"] != "False":
            raise NotYet(f"it says {condition(found, 'Ready')}")
        return found

    return wait_for("InferenceService that is not ready and says why", look, PATIENCE)


def test_broken_version_gets_no_request(attempt: Attempt) -> None:
    assert attempt.steady.failures == []
    assert set(attempt.steady.versions) == {"v1"}
    assert attempt.steady.answered > RATE * 30, "the steady load stood still"


def test_conditions_say_why(attempt: Attempt) -> None:
    said = condition(attempt.refused, "PredictorReady").get("message", "")
    assert "model.onnx" in said, attempt.refused["status"]
    assert "sha256" in said, attempt.refused["status"]


def test_the_progress_deadline_of_the_revision_that_failed_is_a_minute(attempt: Attempt) -> None:
    # That it is said within PATIENCE, a fifth of Knative's ten minutes, the fixture has seen.
    assert condition(attempt.revision, "Ready")["status"] == "False"
    annotations = attempt.revision["metadata"]["annotations"]
    assert annotations["serving.knative.dev/progress-deadline"] == "60s"


def test_good_version_mends_it(attempt: Attempt) -> None:
    assert attempt.mended.failures == []
    assert set(attempt.mended.versions) == {"v2"}
