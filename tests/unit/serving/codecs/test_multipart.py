"""Forms: files and fields, whole or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.serving.codecs import multipart
from trellis.serving.errors import BadRequest, DoesNotFit

TYPE = b'multipart/form-data; boundary="xx"'


def part(disposition: str, content: bytes) -> bytes:
    head = f"--xx\r\ncontent-disposition: form-data; {disposition}\r\n".encode()
    return head + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> multipart.Form:
    return multipart.parse(b"".join(parts) + b"--xx--\r\n", TYPE)


@given(st.binary(max_size=200).filter(lambda content: b"\r\n--xx" not in content))
def test_a_file_arrives_byte_for_byte(content: bytes) -> None:
    found = form(part('name="file"; filename="a"', content))
    assert found.files == [("file", content)]
    assert multipart.images_of(found) == [content]


def test_fields_are_texts_and_the_last_of_a_name_wins() -> None:
    found = form(
        part('name="v"', b"one"), part('name="v"', "ü".encode()), part('name="w"', b"\xff")
    )
    assert found.fields == {"v": "ü", "w": "�"}
    assert found.files == []


def test_files_named_file_go_before_others() -> None:
    found = form(
        part('name="other"; filename="o"', b"o"),
        part('name="file"; filename="a"', b"a"),
        part('name="file"; filename="b"', b"b"),
    )
    assert multipart.images_of(found) == [b"a", b"b"]


def test_a_single_file_of_any_name_is_taken() -> None:
    assert multipart.images_of(form(part('name="x"; filename=""', b"a"))) == [b"a"]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part('name="file"', b"a field, no file")],
        [part('name="a"; filename="a"', b"a"), part('name="b"; filename="b"', b"b")],
    ],
    ids=["nothing", "a field", "two others"],
)
def test_without_a_file_to_take_the_form_is_described(parts: list[bytes]) -> None:
    with pytest.raises(DoesNotFit, match="form field 'file' is missing"):
        multipart.images_of(form(*parts))


@pytest.mark.parametrize("kind", [b"multipart/form-data", b"multipart/form-data; boundary=", b""])
def test_a_boundary_is_needed(kind: bytes) -> None:
    with pytest.raises(BadRequest, match="no boundary"):
        multipart.parse(b"", kind)


WHOLE = part('name="file"; filename="a"', b"abc") + b"--xx--\r\n"


@pytest.mark.parametrize("length", range(len(WHOLE) - 4))
def test_a_form_that_is_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(BadRequest):
        multipart.parse(WHOLE[:length], TYPE)


def test_a_form_of_endless_parts_is_refused() -> None:
    with pytest.raises(BadRequest, match="more than 256 parts"):
        form(*[part('name="a"', b"")] * 257)


@given(st.binary(max_size=120), st.binary(max_size=30))
def test_any_bytes_are_parsed_or_refused(body: bytes, kind: bytes) -> None:
    for content_type in (TYPE, b"multipart/form-data; " + kind):
        try:
            multipart.parse(b"--xx\r\n" + body, content_type)
        except BadRequest as error:
            assert str(error)  # noqa: PT017 - either is right
