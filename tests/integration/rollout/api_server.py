"""A real Kubernetes API: kube-apiserver and etcd as processes, without nodes or controllers.

Whatever a controller of Kubernetes, Knative or KServe would do, a test does itself.
"""

import datetime as dt
import ipaddress
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from scripts.cluster.offline import Cache
from scripts.cluster.settings import from_environment
from scripts.cluster.versions import version
from tests.integration.ports import free_ports

START_SECONDS = 120.0
TOKEN = "the-tests-administrator"


def program(name: str, pinned: str) -> Path:
    """A built program; the test is skipped without it, and fails where tools are required."""
    built = Cache(from_environment(os.environ).cache).program(name, version(pinned))
    found = shutil.which(name)
    path = built if built.exists() else Path(found) if found else None
    if path is None:
        _lacking(f"{name} is neither at {built} nor on the PATH")
    return path  # type: ignore[return-value] # _lacking does not return


def component_crds(component: str, *parts: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions in a component's manifests, of the cluster's own versions."""
    folder = Cache(from_environment(os.environ).cache).manifests(component, version(component))
    if not folder.exists():
        _lacking(f"there are no manifests at {folder}")
    documents: list[dict[str, Any]] = []
    for part in parts:
        for path in sorted(folder.glob(part)):
            documents += [d for d in yaml.load_all(path.read_text(), yaml.CSafeLoader) if d]
    return [d for d in documents if d["kind"] == "CustomResourceDefinition"]


def _lacking(reason: str) -> None:
    reason += "; `python -m scripts.cluster.offline api-server` builds what is missing"
    if "TRELLIS_REQUIRE_TOOLS" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)


class ApiError(Exception):
    """The API server said no; ``status`` is HTTP's, the text its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ApiServer:
    """The two processes on free ports of 127.0.0.1, and their administrator's calls."""

    def __init__(self, folder: Path) -> None:
        self._apiserver = program("kube-apiserver", "kubernetes")
        self._etcd = program("etcd", "etcd")
        self.folder = folder
        self.port, self._etcd_port, self._peer_port = free_ports(3)
        self.url = f"https://127.0.0.1:{self.port}"
        self.ca = folder / "ca.pem"
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        _write_keys(folder)
        (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
        self._tls = ssl.create_default_context(cafile=str(self.ca))

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.kubeconfig_of(TOKEN)

    def kubeconfig_of(self, token: str, namespace: str = "default") -> Path:
        """A kubeconfig for whoever has ``token``."""
        path = self.folder / f"kubeconfig-{token[-12:]}"
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        context = {"cluster": "test", "user": "test", "namespace": namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": context}],
            "current-context": "test",
        }
        path.write_text(json.dumps(document))
        return path

    def start(self) -> None:
        """Start both, with what etcd kept, and wait until they are ready."""
        self._start_etcd()
        self.start_api()

    def _start_etcd(self) -> None:
        address, peer = (f"http://127.0.0.1:{p}" for p in (self._etcd_port, self._peer_port))
        self._spawn(
            "etcd",
            self._etcd,
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={address}",
            f"--advertise-client-urls={address}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )

    def start_api(self) -> None:
        """Start kube-apiserver alone, and wait until it is ready."""
        self._spawn(
            "kube-apiserver",
            self._apiserver,
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.folder}",
            f"--tls-cert-file={self.folder / 'server.pem'}",
            f"--tls-private-key-file={self.folder / 'server.key'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.folder / 'accounts.key'}",
            f"--service-account-signing-key-file={self.folder / 'accounts.key'}",
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
        )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self._children["kube-apiserver"].poll() is None, self._last_words()
            if self._ready():
                return
            time.sleep(0.1)
        raise AssertionError(self._last_words())

    def _ready(self) -> bool:
        try:
            self.call("GET", "/readyz")
            self.call("GET", "/api/v1/namespaces/default")
        except (ApiError, OSError):
            return False
        return True

    def _spawn(self, name: str, path: Path, *flags: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen([path, *flags], stdout=log, stderr=log)

    def _last_words(self) -> str:
        return "\n".join(
            f"{name}: {(self.folder / f'{name}.log').read_text()[-3000:]}"
            for name in self._children
        )

    def kill_api(self) -> None:
        """Take kube-apiserver away, as kill -9 does; etcd keeps what was written."""
        child = self._children["kube-apiserver"]
        child.kill()
        child.wait(10)

    def hang(self, signal_number: signal.Signals) -> None:
        """SIGSTOP hangs kube-apiserver, SIGCONT lets it go on."""
        self._children["kube-apiserver"].send_signal(signal_number)

    def stop(self) -> None:
        """End both. Nothing is kept that needs a gentle end."""
        for child in self._children.values():
            if child.poll() is None:
                child.kill()
                child.wait(10)

    def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Any:
        """What the administrator is answered. Raises ``ApiError``."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            None if body is None else json.dumps(body).encode(),
            {"authorization": f"Bearer {TOKEN}", "content-type": content_type},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._tls) as answer:
                text = answer.read()
                of_json = answer.headers.get_content_type() == "application/json"
                return json.loads(text) if of_json else text.decode()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            try:
                message = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                message = text.decode(errors="replace")
            raise ApiError(error.code, message) from None

    def apply(
        self, path: str, document: Any, manager: str = "tests", *, force: bool = False
    ) -> Any:
        """A server-side apply by ``manager``."""
        query = f"?fieldManager={manager}&force={str(force).lower()}"
        return self.call("PATCH", path + query, document, "application/apply-patch+yaml")

    def refuse(self, namespace: str, expression: str, message: str) -> None:
        """Refuse InferenceServices of a namespace unless the CEL expression holds, as KServe's own
        webhook might.
        """
        base = "/apis/admissionregistration.k8s.io/v1"
        rule = {
            "apiGroups": ["serving.kserve.io"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["inferenceservices"],
        }
        label = {"kubernetes.io/metadata.name": namespace}
        policy = {
            "metadata": {"name": namespace},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [rule],
                    "namespaceSelector": {"matchLabels": label},
                },
                "validations": [{"expression": expression, "message": message}],
            },
        }
        binding = {
            "metadata": {"name": namespace},
            "spec": {"policyName": namespace, "validationActions": ["Deny"]},
        }
        self.call("POST", f"{base}/validatingadmissionpolicies", policy)
        self.call("POST", f"{base}/validatingadmissionpolicybindings", binding)

    def install(self, definitions: Iterable[dict[str, Any]]) -> None:
        """Apply CustomResourceDefinitions and wait until their resources are served."""
        base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        names = []
        for definition in definitions:
            # Conversion by a webhook that does not run here would refuse every read.
            definition["spec"].pop("conversion", None)
            names.append(definition["metadata"]["name"])
            self.apply(f"{base}/{names[-1]}", definition, force=True)
        until = time.monotonic() + START_SECONDS
        for name in names:
            while not _established(self.call("GET", f"{base}/{name}")):
                assert time.monotonic() < until, f"{name} is not established"
                time.sleep(0.1)


def _established(definition: Any) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _write_keys(folder: Path) -> None:
    """A certificate authority, the server's certificate, and the key that signs accounts' tokens."""
    authority, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = dt.datetime.now(dt.UTC)

    def builder(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )

    root = (
        builder(name, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = (
        builder(subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    plain = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    (folder / "server.key").write_bytes(key.private_bytes(*plain))
    accounts = rsa.generate_private_key(65537, 2048)
    (folder / "accounts.key").write_bytes(accounts.private_bytes(*plain))
