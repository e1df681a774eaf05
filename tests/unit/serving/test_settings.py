"""Settings of a predictor process: flags over environment over ``.env``; mistakes in words."""

from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import CliApp

from trellis.serving.__main__ import main
from trellis.serving.settings import ServingSettings


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ``.env`` and no settings of the machine's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("K_REVISION", raising=False)


def read(*arguments: str) -> ServingSettings:
    return CliApp.run(ServingSettings, cli_args=list(arguments))


def test_defaults_are_kserves() -> None:
    settings = read()
    assert (settings.http_port, settings.grpc_port, settings.workers) == (8080, 8081, 1)
    assert settings.folder == Path("/mnt/models")
    assert settings.predictor_packages == ("predictors",)
    assert settings.revision is None


def test_the_folder_by_position_goes_before_model_dir() -> None:
    assert read("models/tomato").folder == Path("models/tomato")
    assert read("--model_dir", "a").folder == Path("a")
    assert read("b", "--model_dir", "a").folder == Path("b")


def test_flags_go_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "TRELLIS_HTTP_PORT=1\nTRELLIS_GRPC_PORT=1\nTRELLIS_WORKERS=3\nOTHER=x\n", encoding="ascii"
    )
    monkeypatch.setenv("TRELLIS_HTTP_PORT", "2")
    monkeypatch.setenv("TRELLIS_GRPC_PORT", "2")
    settings = read("--http_port", "4")
    assert (settings.http_port, settings.grpc_port, settings.workers) == (4, 2, 3)


def test_lists_and_maps_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRELLIS_PREDICTOR_PACKAGES", "predictors, mine.own")
    monkeypatch.setenv("TRELLIS_DEFAULT_VERSIONS", '{"tomato": "v1"}')
    settings = read()
    assert settings.predictor_packages == ("predictors", "mine.own")
    assert settings.default_versions == {"tomato": "v1"}


def test_the_revision_is_knatives_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K_REVISION", "tomato-00002")
    assert read().revision == "tomato-00002"
    monkeypatch.setenv("TRELLIS_REVISION", "mine")
    assert read().revision == "mine"
    assert read("--revision", "flag").revision == "flag"


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--http_port", "0"], {}, "http_port: Input should be greater than or equal to 1"),
        (["--http_port", "x"], {}, "http_port: Input should be a valid integer"),
        (["--engine", "pickle"], {}, "engine: Input should be 'onnx', 'keras' or 'sklearn'"),
        (["--request_timeout", "0"], {}, "request_timeout: Input should be greater than 0"),
        ([], {"TRELLIS_LOADING": "sometimes"}, "loading: Input should be 'eager' or 'lazy'"),
        ([], {"TRELLIS_DEFAULT_VERSIONS": "v1"}, "default_versions"),
    ],
)
def test_a_bad_value_ends_in_words_that_name_it(
    arguments: list[str],
    environment: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith("trellis serve: ")
    assert words in told


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--htp_port", "1"])
    assert caught.value.code == 2
    assert "--htp_port" in capsys.readouterr().err


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    told: Any = capsys.readouterr().out
    for name in ServingSettings.model_fields:
        assert name in told or name.upper() in told, name
