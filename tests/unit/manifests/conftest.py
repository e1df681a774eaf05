import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "manifests"
#: Where `make cluster` keeps the programs that it built.
TOOLS = Path(os.environ.get("TRELLIS_CLUSTER_CACHE", "~/.cache/trellis-cluster")) / "tools"

Documents = list[dict[str, Any]]
Build = Callable[[Path], Documents]
Combine = Callable[..., Documents]


def tool(name: str) -> str:
    """A program's path; the test is skipped without it, and fails where tools are required."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}{TOOLS.expanduser()}"
    found = shutil.which(name, path=path)
    if found is None:
        reason = f"{name} is neither on the PATH nor in {TOOLS}"
        if "TRELLIS_REQUIRE_TOOLS" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@cache
def _built(folder: Path) -> str:
    run = subprocess.run(
        [tool("kubectl"), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture
def build() -> Build:
    """The documents that `kubectl kustomize` makes of a folder."""
    return lambda folder: list(yaml.load_all(_built(folder), Loader=yaml.CSafeLoader))


@pytest.fixture
def combine(tmp_path: Path, build: Build) -> Combine:
    """The documents of an overlay with components on top."""

    def combined(overlay: Path, *components: str) -> Documents:
        root = os.path.relpath(MANIFESTS, tmp_path)
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(overlay, tmp_path)],
            "components": [f"{root}/components/{name}" for name in components],
        }
        (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return build(tmp_path)

    return combined


def of_kind(documents: Documents, kind: str) -> Documents:
    """Those of one kind; a test that expects some fails where there is none."""
    found = [document for document in documents if document["kind"] == kind]
    assert found, f"no {kind}"
    return found


#: The files of manifests/examples.
EXAMPLES = sorted((MANIFESTS / "examples").glob("*.yaml"))
