"""Signing in to the dashboard: an admin key in a cookie that scripts cannot read.

The cookie is signed and ends by itself; the key inside is looked up anew at every request, so a
key that is revoked signs its sessions out.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time

COOKIE = "trellis_dashboard"
#: Twelve hours, in seconds: a working day.
SESSION_SECONDS = 12 * 3600

#: Bytes of a key, or of a token, that a session may hold: a browser keeps no cookie over 4096.
LONGEST_KEY = 2900

_COOKIE = re.compile(
    r"(?:^|;\s*)trellis_dashboard=([A-Za-z0-9_-]{1,3867})\.(\d{1,12})\.([A-Za-z0-9_-]{43})(?=;|$)"
)


class Sessions:
    """Makes and reads the cookie; ``secret`` is shared by all replicas."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def key_in(self, cookie_header: str | None) -> str | None:
        """The key in a Cookie header; None where there is none, or it is forged or over."""
        for key, until, signature in _COOKIE.findall(cookie_header or ""):
            genuine = hmac.compare_digest(self._sign(key, until), signature)
            if genuine and int(until) > time.time():
                return _unwrapped(key)
        return None

    def set_cookie(self, key: str, *, secure: bool) -> str:
        """The ``Set-Cookie`` that signs in; ``secure`` where TLS is used."""
        wrapped = _text(key.encode())
        until = str(int(time.time()) + SESSION_SECONDS)
        return _cookie(f"{wrapped}.{until}.{self._sign(wrapped, until)}", SESSION_SECONDS, secure)

    def clear_cookie(self, *, secure: bool) -> str:
        """The ``Set-Cookie`` that signs out."""
        return _cookie("", 0, secure)

    def _sign(self, key: str, until: str) -> str:
        message = f"trellis dashboard 1:{key}.{until}".encode()
        return _text(hmac.digest(self._secret, message, hashlib.sha256))


def _cookie(value: str, seconds: int, secure: bool) -> str:
    flags = "; Secure" if secure else ""
    return f"{COOKIE}={value}; Path=/dashboard; Max-Age={seconds}; HttpOnly; SameSite=Strict{flags}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unwrapped(text: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
