import pytest

from tests.unit.gateway.cache.targets import target_of
from trellis.gateway.cache.answer import CachedAnswer

TARGET = target_of()
OWN = ((b"x-model-version", b"v1"), (b"x-model-revision", b"r1"))


def answer(*headers: tuple[bytes, bytes], status: int = 200, body: bytes = b"{}") -> CachedAnswer:
    return CachedAnswer(status, headers, body)


@pytest.mark.parametrize("headers", [(), OWN], ids=["says-nothing", "says-who"])
def test_an_answer_of_the_arm_itself_may_be_kept(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert answer(*headers).may_be_kept(TARGET, limit=2)


@pytest.mark.parametrize(
    "alone",
    [
        answer(status=503),
        answer(status=422),
        answer(status=206),
        answer(body=b"{ }"),
        answer((b"x-model-version", b"v2")),
        answer((b"x-model-version", b"v1"), (b"x-model-revision", b"r2")),
        answer((b"content-encoding", b"gzip")),
        answer((b"set-cookie", b"a=b")),
        answer((b"cache-control", b"max-age=3, No-Store")),
        answer((b"cache-control", b"private")),
    ],
    ids=[
        "503",
        "422",
        "part",
        "too-large",
        "another-version",
        "another-revision",
        "packed",
        "cookie",
        "no-store",
        "private",
    ],
)
def test_what_is_not_for_others_is_not_kept(alone: CachedAnswer) -> None:
    assert not alone.may_be_kept(TARGET, limit=2)


@pytest.mark.parametrize(
    ("names", "kept"),
    [(b"r1-00002", True), (b"r1-00001", False), (b"r1", False), (None, False)],
    ids=["its-own", "another-revision", "the-arm", "none"],
)
def test_where_the_table_says_how_the_revision_calls_itself_it_must_do_so(
    names: bytes | None, *, kept: bool
) -> None:
    behind = target_of(serving_revision="r1-00002")
    who = ((b"x-model-version", b"v1"), *(() if names is None else ((b"x-model-revision", names),)))
    assert answer(*who).may_be_kept(behind, limit=2) is kept


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
    )
    assert answer().served_by(target_of(serving_revision="r1-00002")).headers == (
        (b"x-model-version", b"v1"),
        (b"x-model-revision", b"r1-00002"),
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
