import pytest
from pydantic import ValidationError

from trellis.gateway.access.keys import KeyRecord, StoredKey, new_key, read_key


def record(**fields: object) -> KeyRecord:
    _, key_id, salt, digest = new_key()
    made = {"id": key_id, "salt": salt, "digest": digest, "name": "lab", "created_at": 1.0}
    return KeyRecord.model_validate({**made, "scopes": ["infer"], **fields})


def test_a_key_proves_its_own_record_and_no_other() -> None:
    text, key_id, salt, digest = new_key()
    shown = read_key(text.encode())
    assert shown is not None
    assert shown.key_id == key_id
    own = record(id=key_id, salt=salt, digest=digest)
    assert own.proves(shown.secret)
    assert not record().proves(shown.secret)
    assert not own.proves(shown.secret[:-1] + (b"0" if shown.secret[-1:] != b"0" else b"1"))


def test_the_record_does_not_hold_the_secret() -> None:
    text, _, salt, digest = new_key()
    secret = text.rpartition("_")[2]
    assert secret not in salt + digest


def test_equal_secrets_have_unequal_digests() -> None:
    assert record().digest != record().digest
    first, second = record(), record()
    assert first.salt != second.salt


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"tk_",
        b"tk_abc_def",
        b"tk_abcdefghijkl_" + b"0" * 63,
        b"tk_abcdefghijkl_" + b"0" * 65,
        b"tk_ABCDEFGHIJKL_" + b"0" * 64,
        b"tk_abcdefghijkl_" + b"\xff" * 64,
        b"tk_abcdefghijkl_" + b"0" * 64 + b"\n",
        b" tk_abcdefghijkl_" + b"0" * 64,
    ],
)
def test_what_is_no_key_has_no_parts(text: bytes) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", []),
        ("scopes", ["root"]),
        ("models", ["a b"]),
        ("rate", -1),
        ("rate", float("nan")),
        ("rate", float("inf")),
        ("rate", 9e-7),
        ("burst", 0),
        ("name", ""),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        record(**{field: value})


def test_what_redis_holds_reads_back() -> None:
    kept = record(models=["tomato", "diab*"], expires_at=9.0)
    read = StoredKey.read(kept.model_dump_json().encode(), None, b"4.5")
    assert read is not None
    assert read.record == kept
    assert read.last_used_at == 4.5
    assert read.caller.models == frozenset({"tomato", "diab*"})


@pytest.mark.parametrize("damaged", [b"", b"{}", b"\xff", b'{"id": 1}', b"null"])
def test_a_damaged_record_is_no_key(damaged: bytes) -> None:
    assert StoredKey.read(damaged, None, None) is None


def test_a_record_with_a_restriction_that_is_not_known_here_is_no_key() -> None:
    newer = record().model_dump_json()[:-1] + ', "networks": ["10.0.0.0/8"]}'
    assert StoredKey.read(newer.encode(), None, None) is None


@pytest.mark.parametrize("damaged", [b"soon", b"\xff"])
def test_a_damaged_revocation_opens_nothing(damaged: bytes) -> None:
    assert StoredKey.read(record().model_dump_json().encode(), damaged, None) is None


def test_states() -> None:
    expiring = record(expires_at=9.0).model_dump_json().encode()
    key = StoredKey.read(expiring, None, None)
    revoked = StoredKey.read(expiring, b"3", None)
    assert key is not None
    assert revoked is not None
    assert [key.state(8.9), key.state(9.0), revoked.state(8.9)] == ["good", "expired", "revoked"]
