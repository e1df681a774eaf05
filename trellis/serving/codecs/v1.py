"""V1 JSON: ``{"instances": [...]}`` to tensors.

An instance is a value, or an object of input names; bytes may be ``{"b64": "…"}``, as in
TensorFlow Serving. An image is base64 either way.
"""

from typing import Any

from trellis.contracts.tensors import TensorSpec
from trellis.serving import signature
from trellis.serving.errors import DoesNotFit, TooLarge
from trellis.serving.types import Tensors, bytes_array


def tensors(document: dict[str, Any], specs: dict[str, TensorSpec], max_rows: int) -> Tensors:
    """The instances of a V1 request as arrays that fit the signature."""
    instances = document.get("instances")
    if type(instances) is not list:
        word = "missing" if instances is None else signature.describe(instances)
        raise DoesNotFit(f"field 'instances' is {word}, expected a list with one element a row")
    if not instances:
        raise DoesNotFit("field 'instances' is empty, expected at least one row")
    if len(instances) > max_rows:
        raise TooLarge(
            f"field 'instances' has {len(instances)} rows, at most {max_rows} in one request"
        )
    columns = _columns(instances, specs)
    return {name: _column(spec, columns[name], max_rows) for name, spec in specs.items()}


def _columns(instances: list[Any], specs: dict[str, TensorSpec]) -> dict[str, list[Any]]:
    only = next(iter(specs)) if len(specs) == 1 else None
    columns: dict[str, list[Any]] = {name: [] for name in specs}
    for place, instance in enumerate(instances):
        if only is not None and (type(instance) is not dict or set(instance) == {"b64"}):
            columns[only].append(instance)
            continue
        if type(instance) is not dict:
            raise DoesNotFit(
                f"instances[{place}] is {signature.describe(instance)}, expected an object with {list(specs)}"
            )
        try:
            signature.check_names(instance, specs)
        except DoesNotFit as error:
            raise DoesNotFit(f"instances[{place}]: {error}") from None
        for name in specs:
            columns[name].append(instance[name])
    return columns


def _column(spec: TensorSpec, values: list[Any], max_rows: int) -> Any:
    if spec.datatype == "BYTES" and len(spec.shape) == 1:
        return signature.checked_text(
            spec, bytes_array([_bytes(spec, i, v) for i, v in enumerate(values)])
        )
    shape = signature.check_shape(spec, [len(values), *_shape_of(values[0])], max_rows)
    return signature.from_json(spec, shape, values)


def _bytes(spec: TensorSpec, place: int, value: Any) -> bytes:
    if type(value) is dict and set(value) == {"b64"} and type(value["b64"]) is str:
        return signature.base64_bytes(spec, place, value["b64"])
    if type(value) is not str:
        raise DoesNotFit(
            f"input {spec.name!r}: value {place} is {signature.describe(value)}, expected a string"
        )
    return signature.base64_bytes(spec, place, value) if spec.content == "image" else value.encode()


def _shape_of(value: Any) -> list[int]:
    shape: list[int] = []
    while type(value) is list:
        shape.append(len(value))
        value = value[0] if value else None
    return shape
