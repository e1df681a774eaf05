import json
from typing import Any

import orjson
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.unit.gateway.cache.targets import asked, target_of
from trellis.gateway.cache.key import CacheKey, Input, cache_key

LENGTH = b"inference-header-content-length"
TARGET = target_of()
V2 = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["so glad"]}]}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abid", max_size=2), inner),
    max_leaves=8,
)


def key_of(one: Input, target: Any = TARGET) -> CacheKey:
    return cache_key(target, one, "request-1", 60.0)


def digest(document: Any, **how: Any) -> bytes:
    return key_of(asked(orjson.dumps(document), **how)).digest


def reordered(document: Any) -> Any:
    """The same document with every object's names in the other order."""
    if isinstance(document, dict):
        return {name: reordered(value) for name, value in reversed(document.items())}
    if isinstance(document, list):
        return [reordered(value) for value in document]
    return document


@given(documents, documents)
@example(1, 1.0)
@example(0.0, -0.0)
@example(1, True)
@example(None, "null")
@example({"a": 1, "b": 2}, {"a": 2, "b": 1})
@example(["ab"], ["a", "b"])
@example("\u00e9", "e\u0301")
@example(2**53, 2**53 + 1)
@settings(deadline=None)
def test_documents_that_differ_never_share_a_key(one: Any, other: Any) -> None:
    # ``json`` writes what ``==`` would not tell apart: 1, 1.0 and True.
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    assert digest(one, kind="v1") != digest(other, kind="v1")


@given(documents)
@settings(deadline=None)
def test_the_order_of_names_and_white_space_are_no_input(document: Any) -> None:
    spaced = json.dumps(reordered(document), indent=3, ensure_ascii=True).encode()
    assert key_of(asked(spaced)).digest == digest(document)


@given(st.binary(max_size=40), st.binary(max_size=40))
@settings(deadline=None)
def test_bodies_that_are_no_json_are_told_apart_by_every_byte(one: bytes, other: bytes) -> None:
    assume(one != other)
    image = {b"content-type": b"image/png"}
    assert key_of(asked(one, headers=image)).digest != key_of(asked(other, headers=image)).digest


words = st.binary(max_size=3)
requests = st.builds(
    lambda kind, query, content_type, accept, length, body: Input(
        kind,
        ((b"content-type", content_type), (b"accept", accept), (b"x-else", b"1"))
        + (((b"inference-header-content-length", length),) if length else ()),
        query,
        body,
    ),
    st.sampled_from(["v1", "v2"]),
    st.sampled_from([b"", b"a=1", b"a=2", b"b=1", b"a=1&b=1"]),
    st.sampled_from([b"image/png", b"image/jpeg", b"application/octet-stream"]),
    words,
    words,
    words,
)


@given(requests, requests)
@settings(deadline=None, max_examples=300)
def test_requests_that_differ_in_anything_that_matters_never_share_a_key(
    one: Input, other: Input
) -> None:
    assume(one != other)
    assert key_of(one).digest != key_of(other).digest


names = st.text("ab", min_size=1, max_size=3)
arms = st.fixed_dictionaries({"model": names, "version": names, "fingerprint": names})


@given(names, arms, names, arms)
@settings(deadline=None, max_examples=200)
def test_arms_that_differ_in_model_version_or_fingerprint_never_share_a_key(
    model: str, arm: dict[str, str], other_model: str, other: dict[str, str]
) -> None:
    assume((model, arm) != (other_model, other))
    request = asked(b"[]")
    assert (
        key_of(request, target_of(model, **arm)).digest
        != key_of(request, target_of(other_model, **other)).digest
    )


def test_another_revision_of_the_same_fingerprint_shares_the_key() -> None:
    request = asked(b"[]")
    assert (
        key_of(request, target_of(revision="r2", url="http://else:1")).digest
        == key_of(request).digest
    )


def test_the_id_of_a_v2_request_is_no_input_and_goes_to_the_answer() -> None:
    plain = key_of(asked(orjson.dumps(V2)))
    named = key_of(asked(orjson.dumps({"id": "mine", **V2})))
    assert plain.digest == named.digest
    # It is still sent: an answer too large for the cache passes as the predictor wrote it.
    assert orjson.loads(named.body) == {"id": "mine", **V2}
    assert orjson.loads(key_of(asked(b'{"id": "x"}')).body) == {"id": "x"}
    assert (plain.answer_id, named.answer_id) == ("request-1", "mine")


@pytest.mark.parametrize("wrong", [7, None, ["a"]], ids=["number", "null", "list"])
def test_an_id_of_a_wrong_type_stays_for_the_predictor_to_refuse(wrong: Any) -> None:
    key = key_of(asked(orjson.dumps({"id": wrong, **V2})))
    assert orjson.loads(key.body)["id"] == wrong
    assert key.digest != digest(V2)


def test_an_id_in_v1_is_input() -> None:
    assert digest({"instances": [], "id": "a"}, kind="v1") != digest({"instances": []}, kind="v1")
    assert key_of(asked(b"{}", kind="v1")).answer_id is None


def test_what_is_hashed_is_what_is_sent() -> None:
    """A name given twice is read once, here: no predictor can read the other one."""
    twice = b'{"instances": ["mine"], "instances": ["yours"]}'
    key = key_of(asked(twice, kind="v1"))
    assert key.body == b'{"instances":["yours"]}'
    assert key.digest == digest({"instances": ["yours"]}, kind="v1")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a": NaN}',
        b'{"a": 1e400}',
        b'"\\ud800"',
        b"\xff",
        b"",
        b"[" * 400 + b"]" * 400,
        b"[" * 3000 + b"]" * 3000,
    ],
    ids=["cut", "nan", "infinite", "surrogate", "no-utf8", "empty", "deep", "deeper"],
)
def test_what_is_no_json_is_sent_as_it_came(body: bytes) -> None:
    assert key_of(asked(body)).body == body


def test_a_v2_binary_body_is_sent_as_it_came() -> None:
    body = b'{"id": "a"}\x00\x01'
    headers = {
        b"content-type": b"application/json",
        b"inference-header-content-length": b"11",
    }
    assert key_of(asked(body, headers=headers)).body == body


def test_a_version_in_the_query_is_no_input_but_all_else_is() -> None:
    plain = digest(V2)
    assert digest(V2, query=b"model_version=v1&fallback=true") == plain
    assert digest(V2, query=b"model_version=v1&top=3") == digest(V2, query=b"top=3") != plain
    assert digest(V2, query=b"a=1&b=2") != digest(V2, query=b"a=1%26b=2")


def test_two_headers_of_one_name_are_not_one() -> None:
    one = Input("v1", ((b"content-type", b"image/png"),), b"", b"x")
    two = one._replace(headers=((b"content-type", b"text/plain"), *one.headers))
    assert key_of(one).digest != key_of(two).digest


@pytest.mark.parametrize(
    "headers",
    [
        {b"content-type": b"application/x-www-form-urlencoded"},
        {b"content-type": b"text/plain"},
        {b"content-type": b"text/json"},
        {b"content-type": b"application/octet-stream", LENGTH: b"11"},
        {b"content-type": b"application/json", LENGTH: b"11"},
    ],
    ids=["curl", "plain", "text", "binary", "binary-json"],
)
def test_the_id_in_a_body_that_is_sent_as_it_came_goes_to_the_answer(
    headers: dict[bytes, bytes],
) -> None:
    body = b'{"id": "a"}' + (b"\x00\x01" if LENGTH in headers else b"")
    key = key_of(asked(body, headers=headers))
    assert (key.answer_id, key.body) == ("a", body)


@pytest.mark.parametrize(
    ("body", "length"),
    [(b'{"inputs": []}', None), (b"\x89PNG", None), (b'{"id": "a"}', b"nine"), (b"[1]", b"3")],
    ids=["none", "image", "no-number", "list"],
)
def test_a_body_that_names_no_id_is_answered_with_the_requests(
    body: bytes, length: bytes | None
) -> None:
    headers = {b"content-type": b"text/plain", **({LENGTH: length} if length else {})}
    assert key_of(asked(body, headers=headers)).answer_id == "request-1"
