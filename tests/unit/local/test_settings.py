from pathlib import Path

import pytest
from pydantic import ValidationError

from trellis.local.settings import read_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the checkout
    monkeypatch.delenv("TRELLIS_HTTP_PORT", raising=False)


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


def test_a_port_out_of_range() -> None:
    with pytest.raises(ValidationError, match="65535"):
        read_settings(["--http_port", "70000"])
