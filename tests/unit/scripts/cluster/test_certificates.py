import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from scripts.cluster import certificates


def verified(pair: certificates.Pair, by: certificates.Pair, name: str) -> None:
    store = Store([x509.load_pem_x509_certificate(by.certificate)])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(name))
    verifier.verify(x509.load_pem_x509_certificate(pair.certificate), [])


def test_a_signed_certificate_is_trusted_for_its_names_and_no_other(tmp_path: Path) -> None:
    authority = certificates.authority(tmp_path)
    pair = certificates.signed(authority, ["*.trellis.localhost", "trellis.localhost"])
    verified(pair, authority, "tomato-predictor.trellis.localhost")
    verified(pair, authority, "trellis.localhost")
    with pytest.raises(VerificationError):
        verified(pair, authority, "tomato.elsewhere.localhost")


def test_another_authority_does_not_vouch_for_it(tmp_path: Path) -> None:
    pair = certificates.signed(certificates.authority(tmp_path / "a"), ["a.example"])
    with pytest.raises(VerificationError):
        verified(pair, certificates.authority(tmp_path / "b"), "a.example")


def test_the_authority_is_kept_and_its_key_is_nobody_elses(tmp_path: Path) -> None:
    first = certificates.authority(tmp_path)
    assert certificates.authority(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_an_authority_that_ends_soon_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = certificates.authority(tmp_path)
    monkeypatch.setattr(certificates, "_RENEW_BEFORE", dt.timedelta(days=366))
    assert certificates.authority(tmp_path) != first
