import orjson
import pytest

from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.answer_id import with_id, without_id

LENGTH = b"inference-header-content-length"
DOCUMENT = {"model_name": "m", "id": "first", "outputs": [{"name": "label", "data": [0.1, 1]}]}


def answer(body: bytes, *headers: tuple[bytes, bytes]) -> CachedAnswer:
    return CachedAnswer(200, headers, body)


@pytest.mark.parametrize("given", ["second", 'a "quoted" \\ one', "", "ä"])
def test_an_answer_gets_the_id_of_whoever_asks(given: str) -> None:
    plain = without_id(answer(orjson.dumps(DOCUMENT)))
    assert plain is not None
    assert b"first" not in plain.body
    assert orjson.loads(with_id(plain, given).body) == {**DOCUMENT, "id": given}


def test_the_binary_extensions_header_length_follows_the_id() -> None:
    head, tensors = orjson.dumps(DOCUMENT), b'\x00\x01{"id":"first"}'
    plain = without_id(answer(head + tensors, (LENGTH, str(len(head)).encode())))
    assert plain is not None
    again = with_id(plain, "a longer one than before")
    length = int(again.header(LENGTH) or b"")
    assert orjson.loads(again.body[:length])["id"] == "a longer one than before"
    assert again.body[length:] == tensors


def test_an_answer_without_an_id_gets_one_all_the_same() -> None:
    rest: dict[str, list[int]] = {"outputs": []}
    plain = without_id(answer(orjson.dumps(rest)))
    assert plain is not None
    assert orjson.loads(with_id(plain, "x").body) == {**rest, "id": "x"}


def test_the_length_of_the_body_before_is_not_told_any_more() -> None:
    plain = without_id(answer(orjson.dumps(DOCUMENT), (b"content-length", b"7")))
    assert plain is not None
    assert plain.header(b"content-length") is None


@pytest.mark.parametrize(
    "foreign",
    [
        answer(b"a page"),
        answer(b"[1]"),
        answer(b'{"a": NaN}'),
        answer(b"{}"),
        answer(b'{"error": "odd"}'),
        answer(b'{"outputs": {}}'),
        answer(b'{"outputs":[]}', (LENGTH, b"15")),
        answer(b'{"outputs":[]}', (LENGTH, b"-1")),
        answer(b'{"outputs":[]}', (LENGTH, b"six")),
    ],
    ids=["text", "list", "nan", "empty", "object", "no-list", "too-long", "negative", "no-number"],
)
def test_what_is_no_v2_answer_is_left_alone(foreign: CachedAnswer) -> None:
    assert without_id(foreign) is None
