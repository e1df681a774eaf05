"""The cluster under test, what all tests share in it, and what a failed test leaves behind."""

import os
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from scripts.cluster.program import Program
from scripts.cluster.settings import NAMESPACE, from_environment
from tests.e2e.support import failures, namespaces, processes
from tests.e2e.support.kube import Kube
from tests.e2e.support.services import KIND_OVERLAY, REPOSITORY, Service, overlay
from tests.e2e.support.times import Times
from tests.integration.serving.process import PredictorProcess

ARTIFACTS = REPOSITORY / "artifacts/e2e"

#: Files in this order: what breaks most broadly comes first, what moves pods about comes last.
ORDER = (
    "test_cluster.py",
    "test_models.py",
    "test_admission.py",
    "test_tls.py",
    "test_network_policies.py",
    "test_canary.py",
    "test_rollout.py",
    "test_metrics.py",
    "test_gitops.py",
    "test_helm.py",
    "test_autoscaling.py",
    "test_standard_mode.py",
    "test_gateway.py",
    "test_experiment.py",
    "test_sticky_rollout.py",
    "test_gpu.py",
    "test_broken_version.py",
    "test_disruption.py",
)

#: What `make cluster` is asked to add for these tests, and an object that shows that it is there.
PARTS = {
    "KServe": ("deployment", "kserve-controller-manager", "kserve"),
    "metrics-server": ("deployment", "metrics-server", "kube-system"),
    "keda": ("deployment", "keda-operator", "keda"),
    "prometheus": ("deployment", "prometheus", "monitoring"),
    "tls": ("secret", "trellis-ingress", "kourier-system"),
    "charts/trellis": ("clusterservingruntime", "trellis", NAMESPACE),
}

_times = Times()
_shared: dict[str, Kube] = {}
_collected: set[Path] = set()


@pytest.fixture(scope="session")
def parts() -> dict[str, tuple[str, str, str]]:
    """Kind, name and namespace of an object that shows that a part is there, by part."""
    return PARTS


@pytest.fixture(scope="session")
def kube(parts: dict[str, tuple[str, str, str]]) -> Kube:
    """kubectl for a cluster that is up, with all parts that the tests need."""
    found = Kube(from_environment(os.environ))
    if not found.settings.kubeconfig.is_file():
        pytest.exit(
            f"There is no cluster: {found.settings.kubeconfig} is missing. Run `make e2e`.",
            returncode=1,
        )
    missing = [name for name, part in parts.items() if found.find(*part) is None]
    if missing:
        pytest.exit(f"The cluster lacks {', '.join(missing)}. Run `make e2e`.", returncode=1)
    _shared["kube"] = found
    return found


@pytest.fixture(scope="session")
def helm(kube: Kube) -> Program:
    """Helm for the cluster."""
    return processes.helm(kube.settings)


@pytest.fixture(scope="session")
def times() -> Times:
    """Where measured seconds go."""
    return _times


@pytest.fixture(scope="module")
def namespace(kube: Kube, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for the file: `e2e-canary` for test_canary.py."""
    topic = Path(request.path).stem.removeprefix("test_").replace("_", "-")
    with namespaces.namespace(kube, f"{namespaces.PREFIX}{topic}") as name:
        yield name


@pytest.fixture(scope="session")
def models(kube: Kube, times: Times) -> dict[str, Service]:
    """The models of the kind overlay, applied as the documentation says and ready, by name."""
    begin = time.monotonic()
    kube.run("apply", "-k", str(KIND_OVERLAY))
    services = {name: Service(kube, NAMESPACE, name) for name in overlay(kube)}
    for service in services.values():
        service.until_ready()
    times.add(
        "kubectl apply -k manifests/overlays/kind, until all models are ready",
        time.monotonic() - begin,
    )
    return services


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictorProcess]:
    """All models in one process on this machine: `trellis serve models`."""
    log = tmp_path_factory.mktemp("local") / "log"
    with PredictorProcess(REPOSITORY / "models", log=log) as process:
        yield process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files in order, each with its own tests in theirs."""
    items.sort(key=lambda item: ORDER.index(item.path.name) if item.path.name in ORDER else -1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Collect the cluster's state as soon as a test, or what it needs, fails.

    What several tests of a file need fails for each of them: the first time tells it all.
    """
    report = yield
    if report.failed and "kube" in _shared:
        folder = ARTIFACTS / item.path.stem / item.name.replace("/", "_")
        if report.when == "setup":
            folder = ARTIFACTS / item.path.stem / "setup"
        if folder not in _collected:
            _collected.add(folder)
            shutil.rmtree(folder, ignore_errors=True)
            failures.collect(_shared["kube"], folder)
        report.sections.append(("the cluster's state", str(folder)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    if _times.seconds:
        terminalreporter.section("measured")
        for line in _times.lines():
            terminalreporter.line(line)
        _times.write(ARTIFACTS / "times.json")
