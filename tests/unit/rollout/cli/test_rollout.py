import subprocess
import sys

import pytest

from trellis.rollout.cli import experiment, rollout


def test_help_names_every_action(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        rollout.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for action in ("list", "get", "watch", "pause", "resume", "skip", "promote", "abort", "retry"):
        assert f"    {action} " in said
    assert "history" in said
    assert "explain" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get"], "NAME"),
        (["get", "tomato", "--output", "xml"], "invalid choice: 'xml'"),
        (["pause", "tomato", "--local=here", "-n", "there"], "--local is no cluster"),
        (["pause", "tomato", "--timeout", "soon"], "invalid float value: 'soon'"),
    ],
)
def test_misuse_is_two(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        rollout.main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_experiments_are_listed_or_got(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        experiment.main(["put", "colour"])
    assert ended.value.code == 2
    assert "invalid choice: 'put'" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["rollout", "experiment", "plan", "simulate"])
def test_help_waits_for_no_library_of_numbers_or_pictures(command: str) -> None:
    script = (
        "import contextlib, sys; from trellis import cli\n"
        f"with contextlib.suppress(SystemExit): cli.main(['{command}', '--help'])\n"
        "print('LOADED', sorted({'numpy', 'scipy', 'rich', 'pygal', 'kr8s'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "LOADED []" in done.stdout
