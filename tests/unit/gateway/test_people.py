import json
from typing import Any

import pytest

from trellis.gateway.catalogue import Described, Kind
from trellis.gateway.errors import BadRequest, DoesNotFit, UpstreamBroke, WrongMediaType
from trellis.gateway.people import Sent, infer_request, read_sent, readable

JSON = "application/json"
BOUNDARY = "multipart/form-data; boundary=b"


def model(kind: Kind, shape: tuple[int, ...] = (-1,)) -> Described:
    names = {"image": "image", "text": "text", "features": "features", "numbers": "numbers"}
    datatype = "BYTES" if kind in {"image", "text"} else "FP32"
    return Described("m", kind, names.get(kind, ""), datatype, shape, (), (), "", ())


def form(*parts: tuple[str, str, bytes]) -> bytes:
    body = b""
    for name, filename, data in parts:
        file = f'; filename="{filename}"' if filename else ""
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += data + b"\r\n"
    return body + b"--b--\r\n"


async def sent_json(document: Any) -> Sent:
    return await read_sent(JSON, json.dumps(document).encode())


async def test_a_raw_image_is_taken_as_it_is() -> None:
    assert (await read_sent("image/jpeg", b"\xff\xd8")).image == b"\xff\xd8"


@pytest.mark.parametrize("name", ["file", "picture"])
async def test_a_single_file_of_any_name_is_taken(name: str) -> None:
    body = form((name, "a.png", b"\x89PNG"), ("model_version", "", b"v2"))
    sent = await read_sent(BOUNDARY, body)
    assert (sent.image, sent.version) == (b"\x89PNG", "v2")


async def test_of_several_files_the_one_named_file_is_taken() -> None:
    body = form(("other", "b.png", b"b"), ("file", "a.png", b"a"))
    assert (await read_sent(BOUNDARY, body)).image == b"a"


async def test_a_form_may_hold_a_text() -> None:
    sent = await read_sent(BOUNDARY, form(("text", "", b"hello")))
    assert json.loads(infer_request(sent, model("text"))[1])["inputs"][0]["data"] == ["hello"]


@pytest.mark.parametrize(
    ("content_type", "body", "error", "sentence"),
    [
        ("image/png", b"", BadRequest, "the body is empty"),
        (JSON, b"{", BadRequest, "no JSON"),
        (JSON, b"\xff", BadRequest, "no JSON"),
        (JSON, b"[1]", DoesNotFit, "the body is a list, expected an object"),
        (JSON, b'{"text":"a","model_version":2}', DoesNotFit, "'model_version' is a number"),
        ("text/plain", b"a", WrongMediaType, "'text/plain' is not taken here"),
        ("multipart/form-data", b"a", BadRequest, "multipart form cannot be read"),
        (BOUNDARY, b"nothing of a form", BadRequest, "multipart form cannot be read"),
        (BOUNDARY, form(("file", "a.png", b"")), BadRequest, "file 'a.png' of the form is empty"),
        (
            BOUNDARY,
            form(("one", "a", b"a"), ("two", "b", b"b")),
            DoesNotFit,
            r"2 files, \['one', 'two'\]; name the one to predict 'file'",
        ),
    ],
)
async def test_a_body_that_cannot_be_taken(
    content_type: str, body: bytes, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        await read_sent(content_type, body)


def test_an_image_travels_by_the_binary_extension() -> None:
    headers, body = infer_request(Sent(b"JPEG", {}, None, fallback=False), model("image"))
    length = int(headers["inference-header-content-length"])
    tensor = json.loads(body[:length])["inputs"][0]
    assert tensor == {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"binary_data_size": 8},
    }
    assert body[length:] == b"\x04\x00\x00\x00JPEG"


@pytest.mark.parametrize(
    ("kind", "shape", "fields", "tensor_shape", "data"),
    [
        ("text", (-1,), {"text": "hi"}, [1], ["hi"]),
        ("image", (-1,), {"image": "aGk="}, [1], ["aGk="]),
        ("features", (-1, 3), {"features": [1, 2.5, -3]}, [1, 3], [1, 2.5, -3]),
        ("numbers", (-1,), {"numbers": [1, 2]}, [2], [1, 2]),
        ("numbers", (-1,), {"numbers": 4}, [1], [4]),
    ],
)
async def test_fields_become_one_tensor(
    kind: Kind, shape: tuple[int, ...], fields: Any, tensor_shape: list[int], data: list[Any]
) -> None:
    _, body = infer_request(await sent_json(fields), model(kind, shape))
    (tensor,) = json.loads(body)["inputs"]
    assert (tensor["shape"], tensor["data"]) == (tensor_shape, data)


@pytest.mark.parametrize(
    ("kind", "shape", "fields", "sentence"),
    [
        ("text", (-1,), {}, "takes a text in field 'text'; it is missing"),
        ("text", (-1,), {"txt": "a"}, "takes a text in field 'text'; field 'txt' came"),
        ("text", (-1,), {"text": 5}, "'text' is a number, expected a string"),
        ("text", (-1,), {"text": "a", "b": 1}, "unknown field 'b'; expected only 'text'"),
        ("image", (-1,), {"text": "a"}, "takes an image in field 'image'; field 'text' came"),
        ("features", (-1, 3), {"features": [1, 2]}, "has 2 numbers, expected 3"),
        ("features", (-1, 3), {"features": [1, "b", 3]}, "value 2 is a string, expected a number"),
        ("features", (-1, 3), {"features": [1, True, 3]}, "value 2 is true or false"),
        ("features", (-1, 3), {"features": {"a": 1}}, "value 1 is an object"),
        ("numbers", (-1,), {"numbers": []}, "'numbers' is empty"),
        ("numbers", (-1,), {"numbers": None}, "value 1 is null"),
        ("other", (-1, 2, 3), {"x": 1}, "POST /v2/models/m/infer"),
    ],
)
async def test_fields_that_do_not_fit_are_named(
    kind: Kind, shape: tuple[int, ...], fields: Any, sentence: str
) -> None:
    sent = await sent_json(fields)
    with pytest.raises(DoesNotFit, match=sentence):
        infer_request(sent, model(kind, shape))


def test_an_image_for_another_kind_of_model_is_refused() -> None:
    with pytest.raises(WrongMediaType, match="takes 3 numbers, not an image"):
        infer_request(Sent(b"JPEG", {}, None, fallback=False), model("features", (-1, 3)))


CLASSIFIED = {
    "outputs": [
        {"name": "probabilities", "data": [0.25, 0.75]},
        {"name": "label", "data": ["b"]},
        {"name": "confidence", "data": [0.75]},
    ]
}


def test_a_classifiers_answer_is_readable() -> None:
    assert readable(CLASSIFIED, ("a", "b")) == {
        "label": "b",
        "confidence": 0.75,
        "probabilities": {"a": 0.25, "b": 0.75},
    }


def test_any_other_answer_is_its_outputs() -> None:
    assert readable({"outputs": [{"name": "y", "data": [4]}]}, ()) == {"outputs": {"y": [4]}}
    assert "outputs" in readable(CLASSIFIED, ("labels", "do not", "fit"))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"outputs": None},
        {"outputs": [1]},
        {"outputs": [{}]},
        {"outputs": [{"name": n, "data": []} for n in ("label", "confidence", "probabilities")]},
    ],
)
def test_no_v2_answer_is_the_predictors_fault(answer: Any) -> None:
    with pytest.raises(UpstreamBroke):
        readable(answer, ())
