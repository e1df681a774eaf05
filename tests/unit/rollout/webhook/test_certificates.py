import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509

from trellis.rollout.webhook.certificates import RENEWED_BEFORE, VALID, make_certificate

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
HOST = "trellis-controller.trellis.svc"


def test_a_new_one_is_good_for_its_host_alone() -> None:
    made = make_certificate(HOST, NOW)
    assert made.good(HOST, NOW)
    assert not made.good("another.trellis.svc", NOW)


def test_it_is_renewed_before_it_ends() -> None:
    made = make_certificate(HOST, NOW)
    end = NOW + VALID - RENEWED_BEFORE
    assert made.good(HOST, end - dt.timedelta(seconds=1))
    assert not made.good(HOST, end)


def test_a_server_can_show_it_and_its_authority_signed_it(tmp_path: Path) -> None:
    made = make_certificate(HOST, NOW)
    (tmp_path / "crt").write_bytes(made.chain)
    (tmp_path / "key").write_bytes(made.key)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        tmp_path / "crt", tmp_path / "key"
    )
    server = x509.load_pem_x509_certificate(made.chain)
    server.verify_directly_issued_by(x509.load_pem_x509_certificate(made.authority))
