"""What a person sends to ``/predict``, as a V2 request; and a V2 answer, as a person reads it."""

from typing import Any, NamedTuple

import orjson
from multidict import CIMultiDict
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from trellis.gateway.catalogue import Described
from trellis.gateway.errors import BadRequest, DoesNotFit, UpstreamBroke, WrongMediaType
from trellis.gateway.flags import flag

_WANTED = "send an image (multipart or as it is) or JSON"
#: Fields of the request that are no input.
_VERSION_FIELDS = frozenset(("model_version", "fallback"))
#: ``curl -d`` says it sends a form, whatever it sends; V1 and V2 read it as JSON too.
_JSON_TYPES = frozenset(("", "application/json", "application/x-www-form-urlencoded"))


class Sent(NamedTuple):
    """One thing to predict: ``image`` bytes, or ``fields`` of JSON or of a form."""

    image: bytes | None
    fields: dict[str, Any]
    version: str | None
    fallback: bool


async def read_sent(content_type: str, body: bytes) -> Sent:
    """Take a body apart. Raises ``BadRequest`` or ``WrongMediaType``."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("image/"):
        if not body:
            raise BadRequest("the body is empty; an image was expected")
        return Sent(body, {}, None, fallback=False)
    if media_type == "multipart/form-data":
        return await _read_form(content_type, body)
    if media_type in _JSON_TYPES:
        return _read_json(body)
    raise WrongMediaType(
        f"content-type {media_type[:64]!r} is not taken here; {_WANTED} (application/json, image/jpeg, image/png, image/webp, multipart/form-data)"
    )


def infer_request(sent: Sent, model: Described) -> tuple[CIMultiDict[str], bytes]:
    """Headers and body of the V2 infer request. Raises ``DoesNotFit`` or ``WrongMediaType``.

    An image travels by the binary extension, so it is neither base64 nor copied twice.
    """
    if model.kind == "other":
        raise DoesNotFit(
            f"model {model.name!r} takes several tensors: send it a V2 request, POST /v2/models/{model.name}/infer"
        )
    if sent.image is not None:
        if model.kind != "image":
            raise WrongMediaType(f"model {model.name!r} takes {_wanted(model)}, not an image")
        return _binary(model.input_name, sent.image)
    value = _value(sent, model)
    shape = _shape(value, model)
    flat = value if isinstance(value, list) else [value]
    tensor = {
        "name": model.input_name,
        "datatype": model.datatype,
        "shape": shape,
        "data": flat,
    }
    headers = CIMultiDict({"content-type": "application/json"})
    return headers, orjson.dumps({"inputs": [tensor]})


def readable(answer: dict[str, Any], labels: tuple[str, ...]) -> dict[str, Any]:
    """A V2 answer as ``label``, ``confidence`` and ``probabilities``, else as ``outputs``.

    Raises ``UpstreamBroke`` where it is no V2 answer.
    """
    try:
        outputs = {output["name"]: output["data"] for output in answer["outputs"]}
        if {"label", "confidence", "probabilities"} <= outputs.keys():
            row = outputs["probabilities"]
            row = row[0] if isinstance(row[0], list) else row
            if len(row) == len(labels):
                return {
                    "label": outputs["label"][0],
                    "confidence": outputs["confidence"][0],
                    "probabilities": dict(zip(labels, row, strict=True)),
                }
    except (IndexError, KeyError, TypeError):
        raise UpstreamBroke("the model's predictor sent no V2 answer") from None
    return {"outputs": outputs}


async def _read_form(content_type: str, body: bytes) -> Sent:
    async def once() -> Any:
        yield body

    parser = MultiPartParser(
        Headers({"content-type": content_type}), once(), max_files=8, max_fields=64
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        detail = getattr(error, "message", "") or "no boundary, or cut short"
        raise BadRequest(f"the multipart form cannot be read: {detail}") from None
    try:
        files = {name: part for name, part in form.multi_items() if isinstance(part, UploadFile)}
        fields = {name: part for name, part in form.multi_items() if isinstance(part, str)}
        image = await _image_among(files) if files else None
    finally:
        await form.close()
    return _sent(image, fields)


async def _image_among(files: dict[str, UploadFile]) -> bytes:
    if "file" not in files and len(files) > 1:
        raise DoesNotFit(
            f"the form has {len(files)} files, {sorted(files)}; name the one to predict 'file'"
        )
    part = files.get("file") or next(iter(files.values()))
    image = await part.read()
    if not image:
        raise BadRequest(f"the file {part.filename!r} of the form is empty")
    return image


def _read_json(body: bytes) -> Sent:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise DoesNotFit(
            f'the body is {_type_name(fields)}, expected an object such as {{"text": "..."}}'
        )
    return _sent(None, fields)


def _sent(image: bytes | None, fields: dict[str, Any]) -> Sent:
    version = fields.get("model_version")
    if version is not None and not isinstance(version, str):
        raise DoesNotFit(f"field 'model_version' is {_type_name(version)}, expected a string")
    fallback = _fallback(fields.get("fallback"))
    inputs = {name: value for name, value in fields.items() if name not in _VERSION_FIELDS}
    return Sent(image, inputs, version or None, fallback)


def _fallback(value: Any) -> bool:
    if value is not None and not isinstance(value, str | bool):
        raise DoesNotFit(f"field 'fallback' is {_type_name(value)}, expected true or false")
    return value if isinstance(value, bool) else flag(value, "fallback")


def _value(sent: Sent, model: Described) -> Any:
    unknown = sorted(sent.fields.keys() - {model.input_name})
    if model.input_name not in sent.fields:
        came = f"field {unknown[0]!r} came" if unknown else "it is missing"
        raise DoesNotFit(
            f"model {model.name!r} takes {_wanted(model)} in field {model.input_name!r}; {came}"
        )
    if unknown:
        raise DoesNotFit(f"unknown field {unknown[0]!r}; expected only {model.input_name!r}")
    value = sent.fields[model.input_name]
    if model.kind in {"text", "image"}:
        if not isinstance(value, str):
            what = "a string" if model.kind == "text" else "a string of base64"
            raise DoesNotFit(f"field {model.input_name!r} is {_type_name(value)}, expected {what}")
        return value
    numbers = value if isinstance(value, list) else [value]
    for place, number in enumerate(numbers):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise DoesNotFit(
                f"field {model.input_name!r}: value {place + 1} is {_type_name(number)}, expected a number"
            )
    if model.kind == "features" and len(numbers) != model.shape[1]:
        raise DoesNotFit(
            f"field {model.input_name!r} has {len(numbers)} numbers, expected {model.shape[1]}"
        )
    if not numbers:
        raise DoesNotFit(f"field {model.input_name!r} is empty, expected at least one number")
    return numbers


def _shape(value: Any, model: Described) -> list[int]:
    if model.kind == "features":
        return [1, len(value)]
    return [len(value)] if isinstance(value, list) else [1]


def _binary(name: str, image: bytes) -> tuple[CIMultiDict[str], bytes]:
    tensor = {
        "name": name,
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"binary_data_size": 4 + len(image)},
    }
    head = orjson.dumps({"inputs": [tensor]})
    headers = CIMultiDict(
        {
            "content-type": "application/octet-stream",
            "inference-header-content-length": str(len(head)),
        }
    )
    return headers, head + len(image).to_bytes(4, "little") + image


def _wanted(model: Described) -> str:
    match model.kind:
        case "image":
            return "an image"
        case "text":
            return "a text"
        case "features":
            return f"{model.shape[1]} numbers"
        case _:
            return "numbers"


def _type_name(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), "a number")
