import http.server
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scripts.images import healthcheck

Serve = Callable[..., int]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a process that is ready or not, and points the environment at it."""
    servers = []

    def start(status: int, certificate: Path | None = None) -> int:
        class Ready(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/health" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ready)
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            monkeypatch.setenv("TRELLIS_SSL_CERTFILE", str(certificate))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        monkeypatch.setenv("TRELLIS_HTTP_PORT", str(server.server_port))
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def certificate(folder: Path) -> Path:
    """A key and a certificate of another name, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tomato-predictor")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    path = folder / "tls.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_ready_process_is_healthy(serve: Serve) -> None:
    serve(200)
    assert healthcheck.problem() is None


def test_so_is_one_that_speaks_tls_with_a_certificate_for_another_name(
    serve: Serve, tmp_path: Path
) -> None:
    serve(200, certificate(tmp_path))
    assert healthcheck.problem() is None


def test_one_that_is_not_ready_is_not(serve: Serve) -> None:
    serve(503)
    assert healthcheck.problem() == "not ready: 503"


def test_nobody_there_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("TRELLIS_HTTP_PORT", str(port))
    found = healthcheck.problem()
    assert found is not None
    assert found.startswith(f"port {port} does not answer: ")


def test_as_a_program_it_needs_no_package(serve: Serve) -> None:
    """The image runs it so: isolated from the environment's packages."""
    command = [sys.executable, "-I", "-S", healthcheck.__file__]
    serve(200)
    assert subprocess.run(command, check=False).returncode == 0
    serve(503)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "not ready: 503\n")
