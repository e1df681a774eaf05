"""What `helm test` of a model runs in its pod, against a real predictor."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.integration.ports import free_port
from tests.integration.serving.process import HOST, REPOSITORY, PredictorProcess

FILES = REPOSITORY / "charts/model/files"


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictorProcess]:
    log = tmp_path_factory.mktemp("predictor") / "log"
    with PredictorProcess(REPOSITORY / "models/squares/v1", log=log) as process:
        yield process


def ask(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", (FILES / script).read_text(), "--timeout=10", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_predictor_answers_its_own_example(predictor: PredictorProcess) -> None:
    done = ask("ask_rest.py", f"squares={predictor.address}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"squares: version v1 answers '.+' with \[.+\]\n", done.stdout)


def test_a_predictor_is_ready_over_grpc(predictor: PredictorProcess) -> None:
    done = ask("ask_grpc.py", f"squares={predictor.grpc_address}")
    assert (done.returncode, done.stdout) == (0, "squares: ready\n"), done.stderr


def test_an_unknown_model_fails_by_name(predictor: PredictorProcess) -> None:
    rest = ask("ask_rest.py", f"squares={predictor.address}", f"cubes={predictor.address}")
    assert rest.returncode == 1
    assert "cubes" in rest.stdout
    grpc = ask(
        "ask_grpc.py", f"squares={predictor.grpc_address}", f"cubes={predictor.grpc_address}"
    )
    assert grpc.returncode == 1
    assert "cubes" in grpc.stdout


def test_an_address_where_nobody_listens_fails_by_name() -> None:
    address = f"{HOST}:{free_port()}"
    done = ask("ask_rest.py", f"squares={address}")
    assert done.returncode == 1
    assert f"squares: {address}" in done.stdout
