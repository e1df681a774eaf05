"""What an API key is: its text, which is shown once, and the record that is kept of it.

A key is ``tk_<id>_<secret>``. The secret holds 256 random bits, so nobody can try them all, and
one fast salted hash keeps it as well as a slow one would: slow hashes are for passwords, which
people choose from far fewer. Equal hashes are compared in constant time.
"""

import hashlib
import hmac
import re
import secrets
import string
from typing import Annotated, NamedTuple, Self

from pydantic import Field, ValidationError

from trellis.contracts.tensors import Document
from trellis.gateway.access.bucket import PerSecond
from trellis.gateway.access.callers import Caller, Scope

_ID_CHARACTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 12
_KEY = re.compile(rb"tk_([a-z0-9]{12})_([0-9a-f]{64})")

ModelPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9._*-]{1,64}$")]


class Shown(NamedTuple):
    """A key as a caller sends it."""

    key_id: str
    secret: bytes


class KeyRecord(Document):
    """What is kept of a key. Times are seconds since 1970.

    ``models`` are names or ``*`` globs, None for every model; ``rate`` is in requests a second,
    0 for no limit; without ``rate`` and ``burst`` the gateway's settings hold.
    """

    id: str
    salt: str
    digest: str
    name: str = Field(min_length=1, max_length=128)
    scopes: frozenset[Scope] = Field(min_length=1)
    models: frozenset[ModelPattern] | None = None
    rate: PerSecond | None = None
    burst: int | None = Field(None, ge=1)
    created_at: float
    expires_at: float | None = None

    def proves(self, secret: bytes) -> bool:
        """Whether ``secret`` is this key's."""
        return hmac.compare_digest(_digest(self.salt, secret), self.digest)


class StoredKey(NamedTuple):
    """A record, whom it lets in, and what happened to the key since; times as in the record."""

    record: KeyRecord
    caller: Caller
    revoked_at: float | None
    last_used_at: float | None

    @classmethod
    def read(
        cls, record: bytes | None, revoked_at: bytes | None, last_used_at: bytes | None
    ) -> Self | None:
        """From what Redis holds; None where there is no key, or none that can be read."""
        if record is None:
            return None
        try:
            kept = KeyRecord.model_validate_json(record)
            revoked = None if revoked_at is None else float(revoked_at)
            used = None if last_used_at is None else float(last_used_at)
        except (ValidationError, ValueError):
            return None
        return cls(kept, Caller(kept.id, frozenset(kept.scopes), kept.models), revoked, used)

    def state(self, now: float) -> str:
        """``good``, ``revoked`` or ``expired`` at ``now``."""
        if self.revoked_at is not None:
            return "revoked"
        expires_at = self.record.expires_at
        return "expired" if expires_at is not None and expires_at <= now else "good"


def new_key() -> tuple[str, str, str, str]:
    """A key's text, and its id, salt and digest for the record."""
    key_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
    secret = secrets.token_hex(32)
    salt = secrets.token_hex(16)
    return f"tk_{key_id}_{secret}", key_id, salt, _digest(salt, secret.encode())


def read_key(text: bytes) -> Shown | None:
    """The parts of a key's text; None where it is none."""
    match = _KEY.fullmatch(text)
    return Shown(match[1].decode(), match[2]) if match else None


def _digest(salt: str, secret: bytes) -> str:
    return hashlib.blake2b(secret, salt=bytes.fromhex(salt), digest_size=32).hexdigest()
