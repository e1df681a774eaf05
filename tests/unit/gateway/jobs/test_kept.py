from trellis.gateway.headers import read_headers
from trellis.gateway.jobs.kept import kept_headers, kept_path

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def kept(*headers: tuple[bytes, bytes]) -> dict[str, str]:
    return dict(kept_headers({"headers": headers}, read_headers(headers, b"x-unit-id")))


def test_credentials_and_other_sites_cookies_are_not_stored() -> None:
    stored = kept(
        (b"authorization", b"Bearer tk_secret"),
        (b"x-api-key", b"tk_secret"),
        (b"cookie", b"session=secret;trellis_unit=unit.signature; trellis_session=secret"),
        (b"proxy-authorization", b"secret"),
    )
    assert stored.keys() == {"x-request-id", "traceparent", "cookie"}
    assert stored["cookie"] == "trellis_unit=unit.signature"


def test_what_made_it_a_job_does_not_make_it_one_again() -> None:
    stored = kept(
        (b"prefer", b"respond-async"),
        (b"idempotency-key", b"k"),
        (b"x-callback-url", b"https://example.com"),
    )
    assert stored.keys() == {"x-request-id", "traceparent"}


def test_the_rest_is_stored_byte_by_byte_with_the_requests_identity() -> None:
    stored = kept(
        (b"x-unit-id", b"\xc3\xa4\xff"),
        (b"content-type", b"application/json"),
        (b"inference-header-content-length", b"12"),
        (b"cache-control", b"no-cache"),
        (b"x-request-id", b"asked"),
        (b"traceparent", TRACE),
    )
    assert stored["x-unit-id"].encode("latin-1") == b"\xc3\xa4\xff"
    assert stored["inference-header-content-length"] == "12"
    assert (stored["content-type"], stored["cache-control"]) == ("application/json", "no-cache")
    assert stored["x-request-id"] == "asked"
    assert stored["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")


def test_a_path_is_kept_as_it_was_asked_for() -> None:
    scope = {"raw_path": b"/v2/models/m%C3%A4/infer", "query_string": b"a=%2F&model_version=v1"}
    assert kept_path(scope, None) == "/v2/models/m%C3%A4/infer?a=%2F&model_version=v1"


def test_people_get_the_model_that_was_the_default_when_they_asked() -> None:
    scope = {"raw_path": b"/predict", "query_string": b""}
    assert kept_path(scope, "leaf & more") == "/predict/leaf%20%26%20more"
