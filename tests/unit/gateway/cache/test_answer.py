import pytest

from tests.unit.gateway.cache.targets import target_of
from trellis.gateway.cache.answer import CachedAnswer

TARGET = target_of()
FINGERPRINT = (b"x-model-fingerprint", b"sha256:1")
OWN = ((b"x-model-version", b"v1"), (b"x-model-revision", b"r1"), FINGERPRINT)


def answer(*headers: tuple[bytes, bytes], status: int = 200, body: bytes = b"{}") -> CachedAnswer:
    return CachedAnswer(status, headers, body)


@pytest.mark.parametrize(
    "headers",
    [OWN, (FINGERPRINT,), (*OWN[::2], (b"x-model-revision", b"r2"))],
    ids=["says-all", "fingerprint-alone", "another-revision"],
)
def test_an_answer_of_the_arms_fingerprint_may_be_kept(
    headers: tuple[tuple[bytes, bytes], ...],
) -> None:
    assert answer(*headers).may_be_kept(TARGET, limit=2)


@pytest.mark.parametrize("said", [None, b"", b"sha256:2"], ids=["none", "empty", "another"])
def test_an_answer_of_no_or_of_another_fingerprint_is_not_kept(said: bytes | None) -> None:
    who = OWN[:2] if said is None else (*OWN[:2], (b"x-model-fingerprint", said))
    assert not answer(*who).may_be_kept(TARGET, limit=2)


@pytest.mark.parametrize(
    "alone",
    [
        answer(*OWN, status=503),
        answer(*OWN, status=422),
        answer(*OWN, status=206),
        answer(*OWN, body=b"{ }"),
        answer((b"x-model-version", b"v2"), FINGERPRINT),
        answer(*OWN, (b"content-encoding", b"gzip")),
        answer(*OWN, (b"set-cookie", b"a=b")),
        answer(*OWN, (b"cache-control", b"max-age=3, No-Store")),
        answer(*OWN, (b"cache-control", b"private")),
    ],
    ids=[
        "503",
        "422",
        "part",
        "too-large",
        "another-version",
        "packed",
        "cookie",
        "no-store",
        "private",
    ],
)
def test_what_is_not_for_others_is_not_kept(alone: CachedAnswer) -> None:
    assert not alone.may_be_kept(TARGET, limit=2)


def test_only_the_contents_headers_are_kept() -> None:
    content = (
        (b"content-type", b"application/octet-stream"),
        (b"inference-header-content-length", b"2"),
    )
    of_the_exchange = ((b"server-timing", b"total;dur=1"), (b"x-request-id", b"r"), *OWN)
    assert answer(*content, *of_the_exchange).of_the_content() == answer(*content)


def test_who_answers_now_is_told() -> None:
    assert answer().served_by(target_of(revision="r9")).headers == (
        (b"x-model-version", b"v1"),
        (b"x-model-revision", b"r9"),
        FINGERPRINT,
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"predictions": [1]}', True),
        (b'{"predictions": []}', True),
        (b'{"predictions": {}}', False),
        (b'{"outputs": []}', False),
        (b"{}", False),
        (b"[]", False),
        (b"a page", False),
    ],
)
def test_what_is_an_answer_of_v1(body: bytes, *, told: bool) -> None:
    assert answer(body=body).is_v1() is told
