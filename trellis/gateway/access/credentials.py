"""What stands in ``authorization`` or ``x-api-key``, and whose keys are good."""

import hashlib
import hmac
from typing import NamedTuple

from pydantic import SecretStr

from trellis.gateway.access.bucket import Rate
from trellis.gateway.access.callers import SCOPES, Caller
from trellis.gateway.access.key_book import KeyBook
from trellis.gateway.access.keys import read_key
from trellis.gateway.errors import Unauthenticated

_WRONG = b'Bearer error="invalid_token"'


class Grant(NamedTuple):
    """A caller that was recognised, and how often it may ask; ``rate`` is None for no limit."""

    caller: Caller
    rate: Rate | None


ADMIN = Grant(Caller("admin", SCOPES, None), None)


def token_of(credentials: bytes | None) -> bytes:
    """The key or token of ``Bearer <token>``, or of the bare token that ``x-api-key`` holds.

    Raises ``Unauthenticated`` where there is none.
    """
    if not credentials:
        raise Unauthenticated(
            "no key came; send one as 'authorization: Bearer tk_...' or as 'x-api-key: tk_...'"
        )
    scheme, space, token = credentials.partition(b" ")
    if not space:
        return credentials
    if scheme.lower() != b"bearer":
        raise Unauthenticated(
            "authorization has a scheme that is not taken; expected 'Bearer' and a key", _WRONG
        )
    return token.strip()


def wrong(sentence: str) -> Unauthenticated:
    """The refusal of a key or token that came but is not good."""
    return Unauthenticated(sentence, _WRONG)


class ApiKeys:
    """Recognises API keys, and the one of the settings that needs no Redis."""

    def __init__(
        self, book: KeyBook | None, admin_key: SecretStr | None, usual: Rate | None
    ) -> None:
        self._book = book
        self._admin = None if admin_key is None else _digest(admin_key.get_secret_value().encode())
        self._usual = usual

    def seen(self, token: bytes) -> bool:
        """Whether a look into Redis is worth it whatever came from that address before."""
        shown = read_key(token)
        return self._is_admin(token) or (
            shown is not None and self._book is not None and self._book.seen(shown.key_id)
        )

    async def recognise(self, token: bytes) -> Grant:
        """Raises ``Unauthenticated`` for what is no good key, ``AccessDown`` where nobody can tell."""
        if self._is_admin(token):
            return ADMIN
        shown = read_key(token)
        if shown is None:
            raise wrong("what came is no API key; expected tk_, 12 characters, _ and 64 characters")
        key = None if self._book is None else await self._book.find(shown.key_id)
        # One sentence for a wrong id and a wrong secret: which ids exist is nobody's business.
        if self._book is None or key is None or not key.record.proves(shown.secret):
            raise wrong("the API key is unknown")
        state = key.state(self._book.now)
        if state != "good":
            raise wrong(f"the API key {shown.key_id} is {state}")
        self._book.used(shown.key_id)
        record = key.record
        return Grant(key.caller, rate_of(record.rate, record.burst, self._usual))

    def _is_admin(self, token: bytes) -> bool:
        return self._admin is not None and hmac.compare_digest(self._admin, _digest(token))


def rate_of(per_second: float | None, burst: int | None, usual: Rate | None) -> Rate | None:
    """A key's own rate where it has one, else ``usual``; None where there is no limit."""
    if per_second is None:
        if usual is None or burst is None:
            return usual
        return Rate(usual.per_second, burst)
    if per_second == 0:
        return None
    return Rate(per_second, burst or max(1, round(2 * per_second)))


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
