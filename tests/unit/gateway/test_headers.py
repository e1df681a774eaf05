import pytest

from trellis.gateway.headers import read_headers, returned_headers

REQUEST_ID = "abc"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_what_is_forwarded() -> None:
    incoming = read_headers(
        [
            (b"host", b"gateway:8080"),
            (b"content-type", b"image/png"),
            (b"connection", b"close, X-Hop"),
            (b"x-hop", b"1"),
            (b"transfer-encoding", b"chunked"),
            (b"expect", b"100-continue"),
            (b"cookie", b"trellis_unit=x"),
            (b"authorization", b"Bearer t"),
            (b"accept", b"a"),
            (b"accept", b"b"),
            (b"x-request-id", REQUEST_ID.encode()),
            (b"traceparent", TRACEPARENT.encode()),
        ],
        b"x-unit-id",
    )
    forwarded = [(name.lower(), value) for name, value in incoming.forward.items()]
    assert forwarded[:-2] == [
        ("content-type", "image/png"),
        ("accept", "a"),
        ("accept", "b"),
    ]
    assert forwarded[-2] == ("x-request-id", REQUEST_ID)
    name, child = forwarded[-1]
    assert name == "traceparent"
    assert child.split("-")[1] == TRACEPARENT.split("-")[1]
    assert child.split("-")[2] != TRACEPARENT.split("-")[2]
    assert incoming.cookie == b"trellis_unit=x"
    assert incoming.credentials == b"Bearer t"


def test_what_is_read() -> None:
    incoming = read_headers(
        [(b"x-model-version", b"v2"), (b"x-user", b"me"), (b"content-length", b"7")], b"x-user"
    )
    assert (incoming.version, incoming.unit, incoming.content_length) == ("v2", b"me", b"7")


def test_a_request_id_that_could_break_a_header_is_made_anew() -> None:
    incoming = read_headers([(b"x-request-id", b"a b\tc")], b"x-unit-id")
    assert incoming.trace.request_id != "a b\tc"
    assert incoming.forward["x-request-id"] == incoming.trace.request_id


RAW = [
    (b"Content-Type", b"application/json"),
    (b"X-Model-Version", b"v2"),
    (b"x-model-revision", b"r2"),
    (b"X-Model-Fingerprint", b"sha256:2"),
    (b"Connection", b"keep-alive"),
    (b"Transfer-Encoding", b"chunked"),
    (b"Date", b"today"),
    (b"Server", b"uvicorn"),
    (b"X-Request-Id", b"theirs"),
    (b"Server-Timing", b"total;dur=1"),
]


def test_the_version_is_told_only_to_who_asked() -> None:
    plain = [
        (b"content-type", b"application/json"),
        (b"server-timing", b"total;dur=1"),
        (b"x-request-id", b"ours"),
    ]
    assert returned_headers(RAW, "ours", keep_version=False) == plain
    told = returned_headers(RAW, "ours", keep_version=True)
    assert set(told) - set(plain) == {
        (b"x-model-version", b"v2"),
        (b"x-model-revision", b"r2"),
        (b"x-model-fingerprint", b"sha256:2"),
    }


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ([(b"authorization", b"Bearer a")], b"Bearer a"),
        ([(b"x-api-key", b"k")], b"k"),
        ([(b"authorization", b"Basic for-a-proxy"), (b"x-api-key", b"k")], b"k"),
        ([], None),
    ],
)
def test_credentials_are_read_and_stay_here(
    headers: list[tuple[bytes, bytes]], shown: bytes | None
) -> None:
    incoming = read_headers(headers, b"x-unit-id")
    assert incoming.credentials == shown
    assert not {"authorization", "x-api-key"} & {name.lower() for name in incoming.forward}


@pytest.mark.parametrize(
    ("value", "no_cache"),
    [
        (b"no-cache", True),
        (b"max-age=0, No-Store", True),
        (b"max-age=60", False),
        (None, False),
    ],
)
def test_who_wants_no_cache(value: bytes | None, *, no_cache: bool) -> None:
    headers = [] if value is None else [(b"cache-control", value)]
    assert read_headers(headers, b"x-unit-id").no_cache is no_cache


def test_a_list_in_several_lines_is_read_whole() -> None:
    incoming = read_headers(
        [
            (b"cache-control", b"no-store"),
            (b"cache-control", b"max-age=1"),
            (b"connection", b"x-hop"),
            (b"connection", b"keep-alive"),
            (b"x-hop", b"1"),
            (b"x-model-version", b"v1"),
            (b"x-model-version", b"v2"),
        ],
        b"x-unit-id",
    )
    assert incoming.no_cache
    assert "x-hop" not in incoming.forward
    assert incoming.version == "v2"
