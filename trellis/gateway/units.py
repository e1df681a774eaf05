"""Who is assigned: a unit from the caller's header, our signed cookie, the API key, or the request.

The cookie holds a random name and its HMAC; it says nothing of the visitor and cannot be chosen
by one, so nobody can search for the version they like.
"""

import base64
import hashlib
import hmac
import os
import re
from typing import NamedTuple

COOKIE = "trellis_unit"
#: 180 days, in seconds: longer than an experiment runs.
COOKIE_SECONDS = 180 * 24 * 3600

_COOKIE = re.compile(rb"(?:^|;\s*)trellis_unit=([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})(?=;|$)")


class Unit(NamedTuple):
    """``value`` is hashed; ``sticky`` tells a returning unit from one made for this request."""

    value: bytes
    sticky: bool


class CookieSigner:
    """Makes and checks the cookie's value; ``secret`` is shared by all replicas."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def new_value(self) -> str:
        """A fresh unit, signed: 22 characters, a dot, 43 characters."""
        unit = _text(os.urandom(16))
        return f"{unit.decode()}.{self._sign(unit).decode()}"

    def unit_in(self, cookie_header: bytes | None) -> bytes | None:
        """The unit in a Cookie header, or None where there is none or its signature is not ours."""
        if cookie_header is None:
            return None
        for unit, signature in _COOKIE.findall(cookie_header):
            if hmac.compare_digest(self._sign(unit), signature):
                return bytes(unit)
        return None

    def set_cookie(self, value: str, *, secure: bool) -> str:
        """The ``Set-Cookie`` header for a value from ``new_value``; ``secure`` where TLS is used."""
        flags = "; Secure" if secure else ""
        return f"{COOKIE}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{flags}"

    def _sign(self, unit: bytes) -> bytes:
        return _text(hmac.digest(self._secret, b"trellis unit 1:" + unit, hashlib.sha256))


def _text(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def unit_of(
    header: bytes | None,
    cookie: bytes | None,
    key_id: str | None,
    request_id: str,
    signer: CookieSigner,
) -> Unit:
    """The unit of one request from its unit header, its Cookie header, its key and its id."""
    if header:
        return Unit(header, sticky=True)
    known = signer.unit_in(cookie)
    if known is not None:
        return Unit(known, sticky=True)
    if key_id is not None:
        return Unit(key_id.encode(), sticky=True)
    return Unit(request_id.encode(), sticky=False)
