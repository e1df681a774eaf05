"""With a certificate, REST and gRPC speak TLS and nothing else."""

import datetime as dt
import http.client
import ipaddress
import ssl
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.serving import calls, lab
from tests.integration.serving.process import HOST, PredictorProcess


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files = folder / "tls.crt", folder / "tls.key"
    files[0].write_bytes(certificate.public_bytes(pem))
    files[1].write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_rest_and_grpc_over_tls(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    certificate, key = write_certificate(tmp_path)
    flags = ("--ssl_certfile", certificate, "--ssl_keyfile", key)
    process = PredictorProcess(folder, *flags, log=tmp_path / "log").launch()
    process.until_log('"event":"ready"')
    trusted = ssl.create_default_context(cafile=str(certificate))
    connection = http.client.HTTPSConnection(HOST, process.http_port, timeout=20, context=trusted)
    try:
        connection.request("POST", "/v1/models/squares:predict", b'{"instances": [3]}')
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"predictions":[9.0]}')
    finally:
        connection.close()
    with pytest.raises((OSError, http.client.HTTPException)), process.caller() as plain:
        plain.get("/health")
    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    with grpc.secure_channel(process.grpc_address, credentials) as channel:
        message = calls.request("squares", calls.tensor("numbers", "FP32", (1,), fp32_contents=[3]))
        answer = calls.infer(channel, message)
        assert list(answer.outputs[0].contents.fp32_contents) == [9]
    process.terminate()
    assert process.wait() == 0


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    process = PredictorProcess(folder, "--ssl_certfile", "x", log=tmp_path / "log").launch()
    assert process.wait() == 2
    assert "ssl_certfile and ssl_keyfile go together" in process.log
