import subprocess
import sys

import pytest

from trellis import cli


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in cli.COMMANDS)


def test_no_command_is_an_error_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "commands:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("trellis ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["validte"], "did you mean validate?"),
        (["models"], "models is one of: models publish, models convert"),
        (["models", "publsh"], "models is one of: models publish"),
        (["xyzzy"], "no command 'xyzzy'"),
    ],
)
def test_unknown_commands(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    assert said in capsys.readouterr().err


def test_the_longest_name_is_the_command() -> None:
    found = cli.find(["models", "convert", "a.joblib", "--x"])
    assert found is not None
    command, rest = found
    assert command.module == "trellis.serving.convert"
    assert rest == ["a.joblib", "--x"]


def test_help_and_validate_import_nothing_heavy() -> None:
    """A person's tool answers at once: no model library and no server comes with it."""
    script = (
        "import sys; from trellis import cli; cli.main(['--help']); cli.main(['validate', '/none']);"
        "heavy = {'kserve', 'numpy', 'aiohttp', 'grpc', 'rich', 'onnxruntime', 'starlette'};"
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "LOADED []" in done.stdout
