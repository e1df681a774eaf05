"""The fixtures and reports of `tests/e2e`, for a cluster with Flux."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import (
    PARTS,
    helm,
    kube,
    namespace,
    pytest_runtest_makereport,
    pytest_terminal_summary,
    times,
)
from tests.e2e_flux.git_server import GitServer, Repository

__all__ = [
    "helm",
    "kube",
    "namespace",
    "pytest_runtest_makereport",
    "pytest_terminal_summary",
    "times",
]


@pytest.fixture(scope="session")
def parts() -> dict[str, tuple[str, str, str]]:
    """What this cluster is asked for."""
    return {
        "KServe": PARTS["KServe"],
        "charts/trellis": PARTS["charts/trellis"],
        "flux": ("deployment", "kustomize-controller", "flux-system"),
    }


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GitServer, Repository]]:
    """A repository, and the server that the cluster's nodes reach it by."""
    folder: Path = tmp_path_factory.mktemp("git")
    repository = Repository(folder)
    with GitServer(folder) as server:
        yield server, repository
