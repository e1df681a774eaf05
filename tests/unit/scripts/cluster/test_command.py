import subprocess
import sys

import pytest

from scripts.cluster.settings import Settings


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.cluster", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Settings().checkout,
        env={"PATH": "/nowhere", **environment},
    )


def test_without_docker_it_says_so_and_how_to_get_it() -> None:
    done = run("up")
    assert done.returncode == 1
    assert "The cluster needs Docker" in done.stderr
    assert "scripts/cluster/engine.sh" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_setting_ends_it_before_anything_is_touched() -> None:
    done = run("down", TRELLIS_CLUSTER_HTTP_PORT="eighty")
    assert done.returncode == 1
    assert "TRELLIS_CLUSTER_HTTP_PORT is 'eighty'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["up", "--with", "keda,istio"], "istio is not among metrics-server"),
        (["up", "--images", "predictor-torch"], "predictor-torch is not among predictor"),
        (["gpu", "node", "many"], "invalid int value"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
