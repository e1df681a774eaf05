import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.gateway.access.doors import Door, door
from tests.integration.gateway.access.issuer import Issuer, issuer
from tests.integration.redis_server import RedisServer
from trellis.gateway.access import issuer_keys
from trellis.gateway.errors import Unauthenticated


@pytest_asyncio.fixture
async def served() -> AsyncIterator[Issuer]:
    async with issuer() as started:
        yield started


@pytest_asyncio.fixture
async def opened(served: Issuer) -> AsyncIterator[Door]:
    async with door(None, "any", oidc_issuer=served.url) as made:
        yield made


async def test_a_token_opens_the_scopes_it_carries(served: Issuer, opened: Door) -> None:
    token = served.token()
    admitted = await opened.access.admit(f"Bearer {token}".encode(), "::1", "infer", "tomato")
    assert admitted.caller.key_id == "oidc:ada"
    assert admitted.caller.scopes == {"infer"}
    assert await opened.status(token, scope="admin") == 403


async def test_an_elliptic_key_is_taken(served: Issuer, opened: Door) -> None:
    served.add_ec("two")
    assert await opened.status(served.token("two")) == 200


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": 1_000_000_000}, "expired"),
        ({"exp": None}, "lacks"),
        ({"sub": None}, "lacks"),
        ({"aud": "another"}, "another audience"),
        ({"aud": None}, "lacks"),
        ({"iss": "http://evil.example"}, "another issuer"),
        ({"nbf": 32_503_680_000}, "not good yet"),
        ({"exp": "soon"}, "not a good one"),
        ({"exp": "32503680000"}, "no number"),
        ({"exp": float("inf")}, "not a good one"),
    ],
    ids=str,
)
async def test_a_token_that_is_not_good_is_refused(
    served: Issuer, opened: Door, claims: dict[str, Any], words: str
) -> None:
    token = served.token(**claims)
    with pytest.raises(Unauthenticated, match=words) as refused:
        await opened.admit(token)
    assert token.split(".")[1] not in str(refused.value)


def part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def claims_of(served: Issuer) -> dict[str, Any]:
    return {
        "iss": served.url,
        "aud": "trellis",
        "sub": "eve",
        "exp": time.time() + 60,
        "scope": "infer",
    }


async def test_an_unsigned_token_is_refused(served: Issuer, opened: Door) -> None:
    token = f"{part({'alg': 'none', 'kid': 'one'})}.{part(claims_of(served))}."
    assert await opened.status(token) == 401


async def test_a_token_signed_with_the_public_key_as_a_password_is_refused(
    served: Issuer, opened: Door
) -> None:
    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims_of(served))}"
    mac = hmac.new(served.public_pem("one"), signed.encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    with pytest.raises(Unauthenticated, match="way that is not taken"):
        await opened.admit(f"{signed}.{signature}")


async def test_a_token_that_names_a_key_of_another_kind_is_refused(
    served: Issuer, opened: Door
) -> None:
    served.add_ec("two")
    _, _, signature = served.token().split(".")
    for algorithm, key_id in (("ES256", "one"), ("RS256", "two")):
        token = f"{part({'alg': algorithm, 'kid': key_id})}.{part(claims_of(served))}.{signature}"
        with pytest.raises(Unauthenticated, match="not a good one"):
            await opened.admit(token)


async def test_long_subjects_are_told_apart(served: Issuer, opened: Door) -> None:
    async def caller(subject: str) -> str | None:
        token = f"Bearer {served.token(sub=subject)}".encode()
        return (await opened.access.admit(token, "::1", "infer", "tomato")).caller.key_id

    long = [await caller("x" * 200 + end) for end in ("a", "b", "\ud800")]
    assert len(set(long)) == 3
    assert await caller("x" * 200 + "a") == long[0]
    assert long[0] is not None
    assert len(long[0]) < 150
    assert await caller(long[0].removeprefix("oidc:")) not in long


async def test_a_changed_token_is_refused(served: Issuer, opened: Door) -> None:
    header, claims, signature = served.token().split(".")
    changed = part({**json.loads(base64.urlsafe_b64decode(claims + "==")), "scope": "admin"})
    assert await opened.status(f"{header}.{changed}.{signature}") == 401


@pytest.mark.parametrize("token", ["eyJ.a.b", "ey..", "ey\xff.a.b", "ey.e30.e30"])
async def test_garbage_is_refused(opened: Door, token: str) -> None:
    assert await opened.status(token) == 401


async def test_keys_and_tokens_go_side_by_side(
    served: Issuer, redis_server: RedisServer, prefix: str
) -> None:
    async with door(
        redis_server, prefix, oidc_issuer=served.url, key_rate=0.01, key_burst=2
    ) as made:
        assert [await made.status(served.token()) for _ in range(3)] == [200, 200, 429]
        assert await made.status(served.token(sub="bob")) == 200
        assert await made.status(f"tk_abcdefghijkl_{'0' * 64}") == 401


@pytest.mark.parametrize(
    ("claim", "prefix", "claims"),
    [
        ("scope", "", {"scope": "infer"}),
        ("scp", "", {"scp": ["infer", "other"], "scope": None}),
        ("scope", "trellis:", {"scope": "admin trellis:infer"}),
        ("realm_access.roles", "", {"realm_access": {"roles": ["infer", 7]}, "scope": None}),
    ],
)
async def test_scopes_are_read_where_the_settings_say(
    served: Issuer, claim: str, prefix: str, claims: dict[str, Any]
) -> None:
    where = {"oidc_scope_claim": claim, "oidc_scope_prefix": prefix}
    async with door(None, "any", oidc_issuer=served.url, **where) as made:
        token = served.token(**claims)
        assert await made.status(token) == 200
        assert await made.status(token, scope="admin") == 403


@pytest.mark.parametrize("scope", [None, "", 7, {"infer": 1}, ["Infer"]], ids=str)
async def test_a_token_without_a_scope_of_ours_may_nothing(
    served: Issuer, opened: Door, scope: Any
) -> None:
    assert await opened.status(served.token(scope=scope)) == 403


async def test_a_new_key_is_fetched_when_a_token_needs_it_and_not_at_every_wrong_one(
    served: Issuer, opened: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened.admit(served.token())
    asked = served.asked
    served.add_rsa("two")
    for _ in range(20):
        assert await opened.status(served.token("two")) == 401
    assert served.asked == asked
    monkeypatch.setattr(issuer_keys, "AGAIN_SECONDS", 0.0)
    assert await opened.status(served.token("two")) == 200
    assert served.asked == asked + 1


async def test_a_key_that_is_gone_opens_nothing_more(
    served: Issuer, opened: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "AGAIN_SECONDS", 0.0)
    served.add_rsa("two")
    assert await opened.status(served.token("two")) == 200
    served.forget("two")
    served.add_rsa("three")
    assert await opened.status(served.token("three")) == 200
    assert await opened.status(served.token("two", sub="bob")) == 401


async def test_the_last_keys_are_believed_while_the_issuer_fails(
    served: Issuer, opened: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened.admit(served.token())
    served.status = 500
    monkeypatch.setattr(issuer_keys, "AGAIN_SECONDS", 0.0)
    assert await opened.status(served.token(sub="bob")) == 200


@pytest.mark.parametrize("failure", ["status", "issuer", "keys", "secret"])
async def test_without_keys_of_the_issuer_no_token_is_good_until_it_has_some(
    served: Issuer, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if failure == "status":
        served.status = 500
    elif failure == "issuer":
        served.named = "http://evil.example"
    elif failure == "keys":
        served.jwks = {"keys": "none"}
    else:
        served.jwks = {"keys": [{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}]}
    async with door(None, "any", oidc_issuer=served.url) as made:
        token = served.token()
        assert await made.status(token) == (401 if failure == "secret" else 503)
        served.status, served.named = 200, None
        served.jwks = {"keys": []}
        served.add_rsa("two")
        monkeypatch.setattr(issuer_keys, "AGAIN_SECONDS", 0.0)
        assert await made.status(served.token("two")) == 200
