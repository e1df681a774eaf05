"""The workflows are checked by actionlint, which Go fetches and builds at its pinned version."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"
ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.skipif(
    shutil.which("go") is None and "TRELLIS_REQUIRE_TOOLS" not in os.environ,
    reason="actionlint is built by Go",
)
def test_actionlint_finds_nothing() -> None:
    assert WORKFLOWS
    done = subprocess.run(
        ["go", "run", ACTIONLINT, "-color=false", *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cluster_of_a_workflow_is_pulled_and_nothing_may_write() -> None:
    document = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    assert document["permissions"] == {"contents": "read"}
    steps = document["jobs"]["ci"]["steps"]
    (run,) = [step for step in steps if step.get("run") == ".ci/run"]
    assert run["env"] == {"TRELLIS_CLUSTER_SOURCE": "pull"}
