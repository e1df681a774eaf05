from pathlib import Path

import pytest
from pydantic import ValidationError

from trellis.local import up
from trellis.local.settings import read_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the checkout
    for name in ("HTTP_PORT", "COOKIE_SECRET"):
        monkeypatch.delenv(f"TRELLIS_{name}", raising=False)


def test_defaults() -> None:
    paths, models, settings = read_settings([])
    assert paths == [Path("manifests/base")]
    assert models == Path("models")
    assert (settings.http_port, settings.grpc_port) == (8080, 8081)
    assert settings.state == Path(".trellis")


def test_a_flag_wins_over_the_environment_which_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("TRELLIS_HTTP_PORT=1000\nTRELLIS_GRPC_PORT=1001\n")
    assert read_settings([])[2].http_port == 1000
    monkeypatch.setenv("TRELLIS_HTTP_PORT", "2000")
    assert read_settings([])[2].http_port == 2000
    settings = read_settings(["a.yaml", "b", "--http_port", "3000"])[2]
    assert (settings.http_port, settings.grpc_port) == (3000, 1001)


def test_the_cookies_secret_is_no_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        read_settings(["--cookie_secret", "0123456789abcdef"])
    monkeypatch.setenv("TRELLIS_COOKIE_SECRET", "0123456789abcdef")
    secret = read_settings([])[2].cookie_secret
    assert secret is not None
    assert secret.get_secret_value() == "0123456789abcdef"


def test_a_short_secret_is_refused_in_words_without_saying_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRELLIS_COOKIE_SECRET", "sesame")
    assert up.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("trellis up: cookie_secret: has 6 characters; expected 16 or more")
    assert "sesame" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("NOTIFICATION_URLS", "ftp://hooks/sesame"), ("NOTIFICATION_SECRET", "sesame")],
)
def test_notifications_that_cannot_be_sent_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(f"TRELLIS_{name}", value)
    assert up.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"trellis up: {name.lower()}: ")
    assert "sesame" not in said


def test_the_example_of_an_env_file_works_uncommented(tmp_path: Path) -> None:
    example = (Path(__file__).parents[3] / ".env.example").read_text()
    lines = [line.removeprefix("# ") for line in example.splitlines() if "# TRELLIS_" in line]
    (tmp_path / ".env").write_text("\n".join(lines))
    settings = read_settings([])[2]
    assert settings.cookie_secret is None
    assert settings.default_model is None
    assert settings.host == "127.0.0.1"


def test_a_port_out_of_range() -> None:
    with pytest.raises(ValidationError, match="65535"):
        read_settings(["--http_port", "70000"])
