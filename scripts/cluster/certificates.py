"""Certificates of our own making: an authority a checkout, and what it signs."""

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 365
_RENEW_BEFORE = dt.timedelta(days=7)
_SIGNING = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


def authority(folder: Path) -> Pair:
    """The authority whose files lie in ``folder``, made where there is none or it ends soon."""
    certificate, key = folder / "ca.crt", folder / "ca.key"
    if certificate.exists() and key.exists():
        kept = Pair(certificate.read_bytes(), key.read_bytes())
        if _lasts(kept):
            return kept
    made = _authority()
    folder.mkdir(parents=True, exist_ok=True)
    _write(key, made.key)
    _write(certificate, made.certificate)
    return made


def signed(by: Pair, names: Sequence[str]) -> Pair:
    """A server's certificate for DNS ``names``, the first of them its common name."""
    signer = serialization.load_pem_private_key(by.key, password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic-curve key")
    issuer = x509.load_pem_x509_certificate(by.certificate)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(names[0], issuer.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )
    return _pair(builder.sign(signer, hashes.SHA256()), key)


def _authority() -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = "Trellis local authority"
    builder = (
        _builder(name, _named(name), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNING, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _lasts(pair: Pair) -> bool:
    end = x509.load_pem_x509_certificate(pair.certificate).not_valid_after_utc
    return end - dt.datetime.now(dt.UTC) > _RENEW_BEFORE


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(f"{path.name}.part")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    aside.rename(path)
