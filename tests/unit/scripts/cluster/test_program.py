from pathlib import Path

import pytest

from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program, ProgramFailed

SHELL = Path("/bin/sh")


def test_the_answer_is_standard_output() -> None:
    assert Program(SHELL, "-c")("echo said; echo noise >&2") == "said\n"


def test_text_goes_to_standard_input() -> None:
    assert Program(SHELL, "-c")("cat", text="through") == "through"


def test_without_text_there_is_no_input_to_wait_for() -> None:
    assert Program(SHELL, "-c")("cat", timeout=5) == ""


def test_a_failure_names_the_call_the_code_and_the_last_lines() -> None:
    with pytest.raises(ProgramFailed) as caught:
        Program(SHELL, "-c")("seq 100 >&2; exit 3")
    assert "sh seq 100" in caught.value.problem
    assert "code 3" in caught.value.problem
    assert "100" in caught.value.remedy
    assert "\n  1\n" not in caught.value.remedy
    assert caught.value.said.startswith("1\n")


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="kubectl is not there"):
        Program(tmp_path / "kubectl")("get", "pods")


def test_one_that_does_not_end_is_ended() -> None:
    with pytest.raises(ClusterError, match="did not end within 0 s"):
        Program(SHELL, "-c")("sleep 60", timeout=0.2)


def test_succeeds_tells_both_outcomes() -> None:
    shell = Program(SHELL, "-c")
    assert shell.succeeds("exit 0")
    assert not shell.succeeds("exit 1")


def test_a_file_goes_to_standard_input(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("content")
    assert Program(SHELL, "-c")("cat", file=tmp_path / "archive") == "content"
