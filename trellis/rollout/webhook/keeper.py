"""Which certificate the webhook shows: that of a Secret which all replicas share, or of a folder."""

import base64
import contextlib
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from trellis.rollout.cluster.api import MANAGER, MERGE, Api
from trellis.rollout.cluster.informer import Kind
from trellis.rollout.errors import CannotStart, Conflict, Missing
from trellis.rollout.webhook.certificates import Certificate, make_certificate

SECRETS = Kind("/api/v1", "secrets")
CONFIGURATIONS = Kind("/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations")
_END = b"-----END CERTIFICATE-----\n"
_FIELDS = ("tls.crt", "tls.key", "ca.crt")


class CertificateKeeper(Protocol):
    """Gives the certificate that is to be shown now."""

    async def present(self) -> tuple[bytes, bytes]:
        """PEM of chain and key. Raises ``ApiRefused``, ``ApiUnreachable``, ``CannotStart``."""
        ...


class FolderKeeper:
    """``tls.crt`` and ``tls.key`` of a mounted Secret, which others (cert-manager) renew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def present(self) -> tuple[bytes, bytes]:
        """See ``CertificateKeeper.present``."""
        try:
            return tuple((self._folder / name).read_bytes() for name in _FIELDS[:2])  # type: ignore[return-value] # two names, two files
        except OSError as error:
            raise CannotStart(
                f"webhook_certificate: {error.filename} cannot be read: {error.strerror}"
            ) from None


class SecretKeeper:
    """A certificate of our own in the Secret ``name``; the ``configuration`` is told to trust it."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        name: str,
        host: str,
        configuration: str,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._api, self._namespace, self._name = api, namespace, name
        self._host, self._configuration, self._now = host, configuration, now

    async def present(self) -> tuple[bytes, bytes]:
        """See ``CertificateKeeper.present``. What is in the Secret and good is everybody's."""
        while True:
            try:
                certificate = await self._kept() or await self._make()
                await self._trust(certificate)
            except Conflict:  # another replica was faster: what it wrote is there now
                continue
            return certificate.chain, certificate.key

    async def _kept(self) -> Certificate | None:
        """That of the Secret; None where the Secret has none that is good.

        A Secret that has to be renewed is removed, so that one replica alone makes the next.
        """
        path = SECRETS.path(self._namespace, self._name)
        try:
            secret = await self._api.call("GET", path)
        except Missing:
            return None
        certificate = _certificate(secret)
        if certificate is not None and certificate.good(self._host, self._now()):
            return certificate
        metadata = secret["metadata"]
        seen = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        with contextlib.suppress(Missing):
            await self._api.call("DELETE", path, {"preconditions": seen})
        return None

    async def _make(self) -> Certificate:
        made = make_certificate(self._host, self._now())
        values = (made.chain, made.key, made.authority)
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"namespace": self._namespace, "name": self._name},
            "data": {
                field: base64.b64encode(value).decode()
                for field, value in zip(_FIELDS, values, strict=True)
            },
        }
        await self._api.call(
            "POST", SECRETS.path(self._namespace), secret, params={"fieldManager": MANAGER}
        )
        return made

    async def _trust(self, certificate: Certificate) -> None:
        """Have each webhook of the configuration trust it, beside the one before.

        The one before is still shown by replicas that have not looked yet.
        """
        path = CONFIGURATIONS.path("", self._configuration)
        found = await self._api.call("GET", path)
        webhooks: list[dict[str, Any]] = found.get("webhooks") or []
        trusted = [base64.b64decode(h["clientConfig"].get("caBundle") or "") for h in webhooks]
        if all(certificate.authority in bundle for bundle in trusted):
            return
        for hook, bundle in zip(webhooks, trusted, strict=True):
            before, end, _ = bundle.partition(_END)
            both = certificate.authority + (before + end if end else b"")
            hook["clientConfig"]["caBundle"] = base64.b64encode(both).decode()
        metadata = {"resourceVersion": found["metadata"]["resourceVersion"]}
        await self._api.call(
            "PATCH",
            path,
            {"metadata": metadata, "webhooks": webhooks},
            content_type=MERGE,
            params={"fieldManager": MANAGER},
        )


def _certificate(secret: dict[str, Any]) -> Certificate | None:
    data = secret.get("data") or {}
    try:
        chain, key, authority = (base64.b64decode(data[field]) for field in _FIELDS)
    except (KeyError, ValueError):
        return None
    return Certificate(chain, key, authority)
