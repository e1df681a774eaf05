import base64
import time

import pytest

from trellis.gateway.dashboard.session import LONGEST_KEY, SESSION_SECONDS, Sessions

KEY = "tk_abc_secret"


def cookie(sessions: Sessions, key: str = KEY) -> str:
    return sessions.set_cookie(key, secure=False).partition(";")[0]


def test_a_session_gives_its_key_back() -> None:
    sessions = Sessions("the secret of all replicas")
    others = "a=b; " + cookie(sessions) + "; c=d"
    assert Sessions("the secret of all replicas").key_in(others) == KEY


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "trellis_dashboard=",
        "trellis_dashboard=" + base64.b64encode(KEY.encode()).decode(),
        "trellis_dashboard=dGs.9999999999." + "A" * 43,
    ],
)
def test_no_cookie_and_a_forged_one_are_no_session(header: str | None) -> None:
    assert Sessions("the secret of all replicas").key_in(header) is None


def test_neither_another_secret_nor_a_longer_life_is_taken() -> None:
    sessions = Sessions("the secret of all replicas")
    made = cookie(sessions)
    assert Sessions("another secret").key_in(made) is None
    key, until, signature = made.split(".")
    assert sessions.key_in(f"{key}.{int(until) + 1}.{signature}") is None


def test_a_session_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions("the secret of all replicas")
    made = cookie(sessions)
    later = time.time() + SESSION_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert sessions.key_in(made) is None


def test_scripts_and_other_sites_never_see_the_cookie() -> None:
    made = Sessions("the secret of all replicas").set_cookie(KEY, secure=True)
    assert KEY not in made
    for flag in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/dashboard"):
        assert f"; {flag}" in made


def test_signing_out_takes_the_cookie_away() -> None:
    cleared = Sessions("the secret of all replicas").clear_cookie(secure=False)
    assert cleared.startswith("trellis_dashboard=; ")
    assert "Max-Age=0" in cleared


def test_the_longest_token_makes_a_cookie_that_a_browser_keeps() -> None:
    sessions = Sessions("the secret of all replicas")
    token = "t" * LONGEST_KEY
    made = cookie(sessions, token)
    assert len(made) <= 4096
    assert sessions.key_in(made) == token
