"""The README's commands, run as they stand there but for the ports."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ports import free_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@contextmanager
def running(arguments: list[str], health: str, log: Path) -> Iterator[None]:
    """A process of the project, ready; stopped with SIGTERM, which must end it well."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, stdout=output, stderr=output
        )
    try:
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(health, timeout=2).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, f"{health} did not answer: {log.read_text()}"
                time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """By the port that the README names, the one it has here."""
    folder = tmp_path_factory.mktemp("readme")
    found = {name: free_port() for name in ("8080", "8081", "9000", "9001")}
    up = ["trellis.cli", "up", "--http_port", str(found["8080"]), "--grpc_port", str(found["8081"])]
    up += ["--metrics_port", str(free_port())]
    serve = ["trellis.cli", "serve", "models/squares", "--http_port", str(found["9000"])]
    with (
        running(
            [*up, "--state", str(folder / "state")],
            f"http://127.0.0.1:{found['8080']}/health",
            folder / "up",
        ),
        running(
            [*serve, "--grpc_port", str(found["9001"])],
            f"http://127.0.0.1:{found['9000']}/health",
            folder / "serve",
        ),
    ):
        yield found


def with_ports(text: str, ports: dict[str, int]) -> str:
    for named, here in ports.items():
        text = text.replace(f"localhost:{named}", f"127.0.0.1:{here}")
    return text


CURLS = [block for block in blocks("sh") if block.startswith("curl")]
needs_curl = pytest.mark.skipif(
    # Where a run requires the tools, a missing one fails at its call instead.
    shutil.which("curl") is None and "TRELLIS_REQUIRE_TOOLS" not in os.environ,
    reason="needs curl on the PATH",
)


def answers_of(commands: str, ports: dict[str, int]) -> list[dict[str, Any]]:
    """The JSON documents that the commands print, none of them an error."""
    done = subprocess.run(
        ["bash", "-c", with_ports(commands, ports)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    left, found = done.stdout.lstrip(), []
    while left:
        answer, end = json.JSONDecoder().raw_decode(left)
        assert "error" not in answer
        found.append(answer)
        left = left[end:].lstrip()
    return found


@needs_curl
@pytest.mark.parametrize(
    "command",
    [block for block in CURLS if block.count("curl ") == 1],
    ids=lambda block: block.split()[-1][:40],
)
def test_curl_is_answered(command: str, ports: dict[str, int]) -> None:
    (answer,) = answers_of(command, ports)
    assert {"label", "outputs", "predictions"} & set(answer)


@needs_curl
def test_the_front_door_answers_as_shown(ports: dict[str, int]) -> None:
    (commands,) = [block for block in CURLS if block.count("curl ") > 1]
    experiment, answer, told, status, job, model = answers_of(commands, ports)
    assert [arm["version"] for arm in experiment["arms"]] == ["v1", "v2"]
    assert answer["label"] == "positive"
    assert told["conversion"] is True
    assert status["experiment"] == "tone"
    assert {"id", "state"} <= set(job)
    assert model["name"] == "diabetes"


def test_python_client_is_answered_over_rest_and_grpc(ports: dict[str, int]) -> None:
    (code,) = [block for block in blocks("python") if "tritonclient" in block]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", with_ports(code, ports)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    rest, grpc = done.stdout.splitlines()
    assert rest == grpc
    assert "b'" in rest


def test_the_class_shown_is_the_one_that_is_there() -> None:
    (shown,) = [block for block in blocks("python") if "class Squares" in block]
    there = (ROOT / "predictors/squares.py").read_text("utf-8")
    assert 'return {"squares": inputs["numbers"] ** 2}' in shown
    assert set(re.findall(r"^from .*", shown, flags=re.MULTILINE)) == set(
        re.findall(r"^from .*", there, flags=re.MULTILINE)
    )


def test_every_file_that_is_linked_is_there() -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert [name for name in linked if not (ROOT / name).exists()] == []
