"""Bearer tokens of an OIDC issuer: signature, issuer, audience and times, then the scopes they carry."""

import hashlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp

from trellis.gateway.access.bucket import Rate
from trellis.gateway.access.callers import SCOPES, Caller
from trellis.gateway.access.credentials import Grant, wrong
from trellis.gateway.access.issuer_keys import IssuerKeys
from trellis.gateway.settings import Settings

#: Seconds by which the issuer's clock may differ from ours.
LEEWAY_SECONDS = 10
#: Seconds for which a token that was checked is not checked again, and how many such are kept.
CHECKED_SECONDS = 60.0
MOST_TOKENS = 10_000
#: Characters up to which a subject stays as it is; an issuer may give 255.
LONGEST_SUBJECT = 128


class OidcTokens:
    """Recognises tokens of the settings' issuer; ``rate`` is every caller's own limit."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        rate: Rate | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = settings.oidc_issuer or ""
        self._audience = settings.oidc_audience
        self._algorithms = settings.oidc_algorithms.split(",")
        self._scope_path = settings.oidc_scope_claim.split(".")
        self._scope_prefix = settings.oidc_scope_prefix
        self._rate = rate
        self._clock = clock
        self._keys = IssuerKeys(self._issuer, session)
        self._checked: dict[bytes, _Checked] = {}

    def seen(self, token: bytes) -> bool:
        """Whether the token was found good a moment ago."""
        checked = self._checked.get(_digest(token))
        return checked is not None and self._clock() < checked.until

    async def recognise(self, token: bytes) -> Grant:
        """Raises ``Unauthenticated`` for a token that is not good, ``AccessDown`` where nobody can tell."""
        digest = _digest(token)
        checked = self._checked.get(digest)
        if checked is not None:
            if self._clock() < checked.until:
                return checked.grant
            del self._checked[digest]
        claims = await self._claims(token)
        caller = Caller(f"oidc:{_subject(claims['sub'])}", self._scopes(claims), None)
        grant = Grant(caller, self._rate)
        if len(self._checked) >= MOST_TOKENS:
            del self._checked[next(iter(self._checked))]
        left = claims["exp"] + LEEWAY_SECONDS - time.time()
        self._checked[digest] = _Checked(grant, self._clock() + min(left, CHECKED_SECONDS))
        return grant

    async def run(self) -> None:
        """Follow the issuer's keys, until cancelled."""
        await self._keys.run()

    async def _claims(self, token: bytes) -> dict[str, Any]:
        import jwt

        try:
            key = await self._keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise wrong("the token is signed with a key that its issuer does not have")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        # It checks no key's kind before it uses it.
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise wrong(_sentence(error)) from error
        if not isinstance(claims["exp"], int | float):
            raise wrong("the token's claim exp is no number")
        return claims

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str]:
        found: Any = claims
        for name in self._scope_path:
            found = found.get(name) if isinstance(found, dict) else None
        words = found.split() if isinstance(found, str) else found
        prefix = self._scope_prefix
        return SCOPES & {
            word.removeprefix(prefix)
            for word in (words if isinstance(words, list) else [])
            if isinstance(word, str) and word.startswith(prefix)
        }


class _Checked(NamedTuple):
    """A token's grant, and until when by the process's own clock it stands unchecked."""

    grant: Grant
    until: float


def looks_like_token(text: bytes) -> bool:
    """Whether ``text`` has the outer form of a signed JWT."""
    return text.startswith(b"ey") and text.count(b".") == 2


def _subject(subject: str) -> str:
    """Whom the issuer means, in a form that fits a key of Redis; no two are the same."""
    if len(subject) <= LONGEST_SUBJECT and subject.isprintable():
        return subject
    # Longer than any that stays as it is, so nobody's subject is another's hash.
    return f"~{hashlib.blake2b(subject.encode(errors='surrogatepass')).hexdigest()}"


def _sentence(error: Exception) -> str:
    """What is wrong with a token, in words of ours: a library's may quote what came."""
    import jwt

    for kind, words in (
        (jwt.ExpiredSignatureError, "the token is expired"),
        (jwt.ImmatureSignatureError, "the token is not good yet"),
        (jwt.InvalidAudienceError, "the token is for another audience"),
        (jwt.InvalidIssuerError, "the token is of another issuer"),
        (jwt.InvalidAlgorithmError, "the token is signed in a way that is not taken"),
        (jwt.MissingRequiredClaimError, "the token lacks one of the claims exp, iss, aud and sub"),
    ):
        if isinstance(error, kind):
            return words
    return "the token is not a good one of this issuer"


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
