import subprocess
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[4] / "scripts" / "cluster" / "engine.sh"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that come before the machine's own."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def put(machine: Path, name: str, script: str) -> None:
    program = machine / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run() -> "subprocess.CompletedProcess[str]":
    return subprocess.run([ENGINE], capture_output=True, text=True, check=False, timeout=10)


def test_an_engine_that_answers_is_left_alone(machine: Path) -> None:
    put(machine, "docker", f"echo $1 >> {machine}/asked")
    put(machine, "apt-get", f"touch {machine}/installed")
    done = run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert set((machine / "asked").read_text().split()) == {"info", "buildx", "compose"}
    assert not (machine / "installed").exists()


def test_who_is_not_root_is_told_what_to_run(machine: Path) -> None:
    put(machine, "docker", "exit 1")
    put(machine, "dockerd", "exit 1")
    put(machine, "id", "echo 1000")
    done = run()
    assert done.returncode == 1
    assert done.stderr.startswith("engine: ")
    assert "run sudo " in done.stderr or "https://docs.docker.com/engine/install/" in done.stderr
