import pytest
from pydantic import SecretStr

from trellis.gateway.access.bucket import Rate
from trellis.gateway.access.credentials import ADMIN, ApiKeys, rate_of, token_of
from trellis.gateway.errors import Unauthenticated

USUAL = Rate(100, 200)


@pytest.mark.parametrize(
    "credentials", [b"Bearer tk_a", b"bearer tk_a", b"BEARER  tk_a ", b"tk_a"], ids=repr
)
def test_the_token_is_found(credentials: bytes) -> None:
    assert token_of(credentials) == b"tk_a"


@pytest.mark.parametrize("credentials", [None, b""])
def test_without_credentials_the_caller_is_told_what_to_send(credentials: bytes | None) -> None:
    with pytest.raises(Unauthenticated, match="x-api-key") as refused:
        token_of(credentials)
    assert refused.value.headers == ((b"www-authenticate", b"Bearer"),)


def test_another_scheme_is_refused_without_repeating_it() -> None:
    with pytest.raises(Unauthenticated, match="Bearer") as refused:
        token_of(b"Basic c2VjcmV0")
    assert "c2VjcmV0" not in str(refused.value)
    assert refused.value.headers == ((b"www-authenticate", b'Bearer error="invalid_token"'),)


@pytest.mark.parametrize(
    ("own", "burst", "usual", "expected"),
    [
        (None, None, USUAL, USUAL),
        (None, 5, USUAL, Rate(100, 5)),
        (None, 5, None, None),
        (0.0, 5, USUAL, None),
        (7.0, 9, USUAL, Rate(7, 9)),
        (7.0, None, None, Rate(7, 14)),
        (0.1, None, USUAL, Rate(0.1, 1)),
    ],
)
def test_a_keys_own_rate_comes_first(
    own: float | None, burst: int | None, usual: Rate | None, expected: Rate | None
) -> None:
    assert rate_of(own, burst, usual) == expected


async def test_the_settings_key_needs_no_redis_and_has_no_limit() -> None:
    keys = ApiKeys(None, SecretStr("a" * 32), USUAL)
    assert await keys.recognise(b"a" * 32) is ADMIN
    assert ADMIN.rate is None
    assert keys.seen(b"a" * 32)


@pytest.mark.parametrize("token", [b"a" * 31, b"a" * 33, b"\xff", b"tk_abcdefghijkl_" + b"0" * 64])
async def test_nothing_else_is_the_settings_key(token: bytes) -> None:
    keys = ApiKeys(None, SecretStr("a" * 32), USUAL)
    assert not keys.seen(token)
    with pytest.raises(Unauthenticated):
        await keys.recognise(token)


async def test_without_a_key_in_the_settings_nothing_is_it() -> None:
    with pytest.raises(Unauthenticated):
        await ApiKeys(None, None, USUAL).recognise(b"")
