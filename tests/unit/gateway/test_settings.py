import pytest
from pydantic import ValidationError

from trellis.gateway.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))


def test_flags_have_the_fields_names() -> None:
    settings = read_settings(["--http_port=9000", "--routing_table_url=http://c:1/routing-table"])
    assert settings.http_port == 9000
    assert settings.routing_table_url == "http://c:1/routing-table"


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRELLIS_ROUTING_TABLE_FILE", "/table.json")
    monkeypatch.setenv("TRELLIS_HTTP_PORT", "9001")
    assert read_settings([]).http_port == 9001
    assert read_settings(["--http_port", "9002"]).http_port == 9002


def test_an_empty_line_of_env_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRELLIS_COOKIE_SECRET", "")
    monkeypatch.setenv("TRELLIS_ROUTING_TABLE_URL", "")
    settings = read_settings(["--routing_table_file=t.json"])
    assert settings.routing_table_url is None
    assert len(settings.cookie_secret.get_secret_value()) > 16


def test_somewhere_the_table_must_come_from() -> None:
    with pytest.raises(ValidationError, match="routing_table_url and routing_table_file"):
        read_settings([])


@pytest.mark.parametrize(
    "flag",
    [
        "--http_port=70000",
        "--routing_table_url=ftp://x",
        "--cookie_secret=short",
        "--max_body_bytes=0",
        "--unit_header=a header",
        "--request_timeout=0",
        "--auth=maybe",
        "--auth=keys",
        "--admin_key=too-short",
        "--admin_key=an admin key with spaces, long enough",
        "--admin_key=an-admin-key-that-is-lång-enough-for-it",
        "--key_rate=-1",
        "--key_rate=1e-7",
        "--key_rate=inf",
        "--address_rate=1e-7",
        "--key_burst=0",
        "--address_rate=5",
        "--limits_when_down=maybe",
        "--oidc_issuer=ftp://x",
        "--oidc_algorithms=HS256",
        "--oidc_algorithms=RS256,none",
        "--callback_secret=a plain word",
        "--callback_allow=10.0.0.0/33",
        "--callback_ports=http",
    ],
)
def test_a_value_that_does_not_fit_is_refused(flag: str) -> None:
    with pytest.raises(ValidationError):
        read_settings(["--routing_table_file=t.json", flag])


def test_the_unit_header_is_read_as_headers_come() -> None:
    assert read_settings(["--routing_table_file=t", "--unit_header=X-User"]).unit_header == "x-user"


def test_the_secret_is_shown_nowhere() -> None:
    settings = read_settings(
        ["--routing_table_file=t", "--cookie_secret=do not show me to anybody"]
    )
    assert "do not show me to anybody" not in repr(settings)


def test_a_callback_secret_that_does_not_fit_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        read_settings(["--routing_table_file=t", "--callback_secret=whsec_c2hvcnQ="])
    told = refused.value.errors(include_url=False, include_input=False)
    assert "24 to 64" in told[0]["msg"]
    assert "c2hvcnQ" not in str(told)


def test_every_setting_is_described() -> None:
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undescribed == ["log_level"]
