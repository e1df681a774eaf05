from pathlib import Path

import pytest

from scripts.images.docker import DockerError, docker, logs


def test_a_machine_without_docker_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DockerError, match=r"no docker program: .*engine\.sh"):
        docker("info")


def test_a_failure_says_which_call_and_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\ncat\necho "no such image: $3" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(
        DockerError, match=r"^docker image inspect failed: no such image: trellis/x"
    ):
        docker("image", "inspect", "trellis/x", stdin=b"unread")


def test_standard_input_and_output_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\nexec cat\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert docker("exec", stdin=b"some words") == "some words"


def test_logs_are_both_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\necho "$1 of $2"\necho an error >&2\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert logs("tomato") == "logs of tomato\nan error\n"
