"""A certificate of our own for the webhook: made once, kept in a Secret, renewed in time. No I/O."""

import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = dt.timedelta(days=365)
#: One is made anew when less than this is left.
RENEWED_BEFORE = dt.timedelta(days=90)


@dataclass(frozen=True)
class Certificate:
    """PEM: the chain and key of the server, and what the API server trusts it by."""

    chain: bytes
    key: bytes
    authority: bytes

    def good(self, host: str, now: dt.datetime) -> bool:
        """Whether it is for ``host`` and has time left."""
        try:
            found = x509.load_pem_x509_certificate(self.chain)
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, x509.ExtensionNotFound):
            return False
        fits = host in names.get_values_for_type(x509.DNSName)
        return fits and now < found.not_valid_after_utc - RENEWED_BEFORE


def make_certificate(host: str, now: dt.datetime) -> Certificate:
    """A new authority, whose key is forgotten at once, and one certificate of it."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trellis-webhook")])
    root = (
        _builder(issuer, issuer, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    # The host may be longer than a common name; it stands among the alternative names.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "trellis-webhook-server")])
    server = (
        _builder(subject, issuer, key, now)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return Certificate(
        chain=server.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        authority=root.public_bytes(serialization.Encoding.PEM),
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))  # clocks differ
        .not_valid_after(now + VALID)
    )
