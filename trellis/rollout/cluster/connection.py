"""The way to the API server: from a pod's service account, or from a person's kubeconfig."""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from trellis.rollout.errors import CannotStart

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Connection:
    """Where the API server is and how it is trusted; ``namespace`` is the caller's own."""

    server: str
    tls: ssl.SSLContext | bool
    namespace: str
    token: str = field(default="", repr=False)
    #: Read anew for each call: kubelets renew a service account's token within the hour.
    token_file: Path | None = None

    def authorization(self) -> dict[str, str]:
        """The header that says who asks; empty where a client certificate does."""
        token = self.token
        if self.token_file is not None:
            token = self.token_file.read_text("utf-8").strip()
        return {"authorization": f"Bearer {token}"} if token else {}


def connect(environment: Mapping[str, str] = os.environ) -> Connection:
    """A pod's own, else that of ``KUBECONFIG`` or ``~/.kube/config``.

    Raises ``CannotStart`` where there is neither, or where a kubeconfig asks for what is not
    understood here (``exec`` and ``auth-provider``: give it a token).
    """
    named = environment.get("KUBECONFIG", "")
    host = environment.get("KUBERNETES_SERVICE_HOST")
    if host and not named:
        port = environment.get("KUBERNETES_SERVICE_PORT", "443")
        bracketed = f"[{host}]" if ":" in host else host
        return Connection(
            f"https://{bracketed}:{port}",
            ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
            (ACCOUNT / "namespace").read_text("utf-8").strip(),
            token_file=ACCOUNT / "token",
        )
    path = Path(named.split(os.pathsep)[0]) if named else Path.home() / ".kube" / "config"
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise CannotStart(
            f"this is no pod, and the kubeconfig {path} cannot be read: {error.strerror}"
        ) from None
    except yaml.YAMLError:
        raise CannotStart(f"the kubeconfig {path} is no YAML") from None
    try:
        return _from_kubeconfig(document, path.parent)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise CannotStart(
            f"the kubeconfig {path} has a certificate that cannot be used: {error}"
        ) from None
    except (KeyError, TypeError, StopIteration):
        raise CannotStart(
            f"the kubeconfig {path} does not name a context with a cluster and a user"
        ) from None


def _from_kubeconfig(document: Any, folder: Path) -> Connection:
    context = _named(document, "contexts", document["current-context"])["context"]
    cluster = _named(document, "clusters", context["cluster"])["cluster"]
    user = _named(document, "users", context["user"])["user"]
    for unknown in ("exec", "auth-provider"):
        if unknown in user:
            raise CannotStart(
                f"the kubeconfig's user {context['user']!r} logs in by {unknown}, which is not "
                "understood here: give it a token or a client certificate"
            )
    token_file = user.get("tokenFile")
    return Connection(
        cluster["server"].rstrip("/"),
        _tls(cluster, user, folder),
        context.get("namespace", "default"),
        token=user.get("token", ""),
        token_file=folder / token_file if token_file else None,
    )


def _named(document: Any, kind: str, name: str) -> Any:
    return next(entry for entry in document[kind] if entry["name"] == name)


def _tls(cluster: Any, user: Any, folder: Path) -> ssl.SSLContext | bool:
    if not cluster["server"].startswith("https:"):
        return False
    data = cluster.get("certificate-authority-data")
    file = cluster.get("certificate-authority")
    tls = ssl.create_default_context(
        cafile=str(folder / file) if file and not data else None,
        cadata=base64.b64decode(data).decode() if data else None,
    )
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    _show_certificate(tls, user, folder)
    return tls


def _show_certificate(tls: ssl.SSLContext, user: Any, folder: Path) -> None:
    """Load the user's client certificate; OpenSSL takes one from files only."""
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile(suffix=".pem") as both:
            for part in ("client-certificate-data", "client-key-data"):
                both.write(base64.b64decode(user[part]) + b"\n")
            both.flush()
            tls.load_cert_chain(both.name)
    elif "client-certificate" in user:
        tls.load_cert_chain(folder / user["client-certificate"], folder / user["client-key"])
