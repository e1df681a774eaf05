"""A real OIDC issuer on a free port of 127.0.0.1, whose keys and answers the test chooses."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

AUDIENCE = "trellis"


class Issuer:
    """``keys`` by id are published; ``asked`` counts how often."""

    def __init__(self) -> None:
        self.url = ""
        self.named: str | None = None
        self.asked = 0
        self.status = 200
        self.jwks: dict[str, Any] = {"keys": []}
        self._private: dict[str, tuple[PrivateKey, str]] = {}

    def add_rsa(self, key_id: str) -> None:
        key = rsa.generate_private_key(65537, 2048)
        self._private[key_id] = key, "RS256"
        self._publish(key_id, RSAAlgorithm.to_jwk(key.public_key()))

    def add_ec(self, key_id: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self._private[key_id] = key, "ES256"
        self._publish(key_id, ECAlgorithm.to_jwk(key.public_key()))

    def forget(self, key_id: str) -> None:
        """No longer published, though tokens signed with it are about."""
        self.jwks["keys"] = [key for key in self.jwks["keys"] if key["kid"] != key_id]

    def token(self, key_id: str = "one", **claims: Any) -> str:
        """A token that lets infer, for a minute; None takes a claim out."""
        now = time.time()
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 60}
        payload = {**usual, "scope": "openid infer", **claims}
        key, algorithm = self._private[key_id]
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, key, algorithm, headers={"kid": key_id})

    def public_pem(self, key_id: str) -> bytes:
        public = self._private[key_id][0].public_key()
        return public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def _publish(self, key_id: str, jwk: str) -> None:
        self.jwks["keys"].append({**json.loads(jwk), "kid": key_id, "use": "sig"})

    async def discovery(self, _request: web.Request) -> web.Response:
        self.asked += 1
        document = {"issuer": self.named or self.url, "jwks_uri": f"{self.url}/jwks"}
        return web.json_response(document, status=self.status)

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.jwks, status=self.status)


@asynccontextmanager
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer with an RSA key ``one``."""
    served = Issuer()
    served.add_rsa("one")
    application = web.Application()
    application.router.add_get("/.well-known/openid-configuration", served.discovery)
    application.router.add_get("/jwks", served.keys)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()
