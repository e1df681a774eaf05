"""A request's tensors against the signature: every mistake is named with its field.

Each function returns an array that fits its ``TensorSpec`` or raises; the messages say which
input, what came and what was expected, and go to the caller as they are.
"""

import base64
import binascii
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trellis.contracts.tensors import Datatype, TensorSpec
from trellis.serving.codecs.numbers_apart import Numbers
from trellis.serving.errors import BadRequest, DoesNotFit, TooLarge
from trellis.serving.types import Tensors, bytes_array

DTYPES: dict[Datatype, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}

_WORDS = {str: "a string", bool: "a boolean", type(None): "null", dict: "an object", list: "a list"}
_LARGEST_SIZE = 1 << 40
#: Up to so many numbers, comparing them one by one costs less than asking numpy.
_FEW = 64
_LARGEST_FLOAT = {size: float(np.finfo(f"f{size}").max) for size in (2, 4, 8)}


def describe(value: object) -> str:
    """A JSON value in a few words, short whatever its size."""
    if isinstance(value, str):
        return repr(value if len(value) <= 24 else value[:21] + "…")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value!r:.24}"
    return _WORDS.get(type(value), type(value).__name__)


def check_names(given: Iterable[str], specs: dict[str, TensorSpec]) -> None:
    """Raise ``DoesNotFit`` unless the inputs given are exactly those of the signature."""
    names = list(given)
    if names == list(specs):
        return
    for name in names:
        if name not in specs:
            raise DoesNotFit(f"unknown input {name!r:.70}; expected {_listed(specs)}")
        if names.count(name) > 1:
            raise DoesNotFit(f"input {name!r} is given {names.count(name)} times, expected once")
    for name in specs:
        if name not in names:
            raise DoesNotFit(f"input {name!r} is missing; expected {_listed(specs)}")


def check_datatype(spec: TensorSpec, given: object) -> None:
    """Raise ``DoesNotFit`` unless the datatype is the signature's."""
    if given != spec.datatype:
        raise DoesNotFit(
            f"input {spec.name!r}: datatype is {describe(given)}, expected {spec.datatype!r}"
        )


def check_shape(spec: TensorSpec, given: object, max_rows: int) -> tuple[int, ...]:
    """The shape as sizes; raises ``DoesNotFit`` where it is not the signature's, ``TooLarge`` past ``max_rows``."""
    if type(given) is list and _fits(given, spec.shape) and 0 < given[0] <= max_rows:
        return tuple(given)
    if not isinstance(given, list | tuple) or not all(type(size) is int for size in given):
        raise DoesNotFit(
            f"input {spec.name!r}: shape is {describe(given)}, expected {_shape(spec)} in whole numbers"
        )
    sizes = tuple(given)
    fits = len(sizes) == len(spec.shape) and all(
        0 <= size < _LARGEST_SIZE and wanted in (-1, size)
        for size, wanted in zip(sizes, spec.shape, strict=True)
    )
    if not fits:
        raise DoesNotFit(
            f"input {spec.name!r}: shape is {list(sizes)!s:.60}, expected {_shape(spec)}"
        )
    if 0 in sizes:
        raise DoesNotFit(
            f"input {spec.name!r}: shape {list(sizes)} holds nothing, expected at least one row"
        )
    if sizes[0] > max_rows:
        raise TooLarge(f"input {spec.name!r}: {sizes[0]} rows, at most {max_rows} in one request")
    return sizes


def check_rows(tensors: Tensors) -> int:
    """The number of rows that all inputs share; raises ``DoesNotFit`` where they differ."""
    if len(tensors) == 1:
        (array,) = tensors.values()
        return int(array.shape[0])
    rows = {name: int(array.shape[0]) for name, array in tensors.items()}
    if len(set(rows.values())) != 1:
        told = ", ".join(f"{name!r} has {count}" for name, count in rows.items())
        raise DoesNotFit(f"inputs differ in rows: {told}")
    return next(iter(rows.values()))


def from_json(
    spec: TensorSpec, shape: tuple[int, ...], data: object, *, as_base64: bool = False
) -> NDArray[Any]:
    """V2 JSON ``data``, flat or nested as ``shape``, as an array of ``shape``.

    Strings of an image input, or of any BYTES input with ``as_base64``, are decoded from base64.
    """
    if isinstance(data, Numbers):
        ready = _of_doubles(spec, shape, data.doubles)
        if ready is not None:
            return ready
        data = data.as_list
    if not isinstance(data, list):
        raise DoesNotFit(f"input {spec.name!r}: data is {describe(data)}, expected a list")
    flat = data
    if data and type(data[0]) is list:
        flat = _flattened(spec.name, shape, data)
    count = math.prod(shape)
    if len(flat) != count:
        raise DoesNotFit(
            f"input {spec.name!r}: {len(flat)} values in data, expected {count} for shape {list(shape)}"
        )
    if spec.datatype == "BYTES":
        array: NDArray[Any] = bytes_array(_strings(spec, flat, as_base64=as_base64))
    else:
        array = _numbers(spec, flat)
    return array if len(shape) == 1 else array.reshape(shape)


def from_buffer(spec: TensorSpec, shape: tuple[int, ...], raw: bytes | memoryview) -> NDArray[Any]:
    """The binary form: little-endian numbers, or strings each behind its length in 4 bytes."""
    if spec.datatype == "BYTES":
        return _length_prefixed(spec, math.prod(shape), raw).reshape(shape)
    dtype = DTYPES[spec.datatype]
    expected = math.prod(shape) * dtype.itemsize
    if len(raw) != expected:
        raise BadRequest(
            f"input {spec.name!r}: {len(raw)} bytes of binary data, expected {expected} for "
            f"{spec.datatype} of shape {list(shape)}"
        )
    if spec.datatype == "BOOL":
        octets = np.frombuffer(raw, dtype=np.uint8)
        if (octets > 1).any():
            raise DoesNotFit(f"input {spec.name!r}: a BOOL byte is neither 0 nor 1")
        return octets.astype(np.bool_).reshape(shape)
    array = np.frombuffer(raw, dtype=dtype).reshape(shape)
    return finite(spec, array if array.flags.aligned else array.copy())


def from_values(spec: TensorSpec, shape: tuple[int, ...], values: Any) -> NDArray[Any]:
    """Typed gRPC contents: numbers already of a wide enough type, or ``bytes``."""
    count = math.prod(shape)
    if len(values) != count:
        raise DoesNotFit(
            f"input {spec.name!r}: {len(values)} values in contents, expected {count} for {list(shape)}"
        )
    if spec.datatype == "BYTES":
        return checked_text(spec, bytes_array(list(values))).reshape(shape)
    dtype = DTYPES[spec.datatype]
    with np.errstate(over="ignore"):
        try:
            array = np.array(values, dtype=dtype)
        except OverflowError:
            raise _out_of_range(spec, list(values)) from None
    return finite(spec, array).reshape(shape)


def finite(spec: TensorSpec, array: NDArray[Any]) -> NDArray[Any]:
    """The array itself; raises ``DoesNotFit`` naming the first NaN or infinity."""
    if array.dtype.kind != "f":
        return array
    if array.size <= _FEW and all(map(math.isfinite, array.ravel().tolist())):
        return array
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise DoesNotFit(
            f"input {spec.name!r}: value {place} is {array.flat[place]} as {spec.datatype}, expected a finite number"
        )
    return array


def checked_text(spec: TensorSpec, array: NDArray[np.object_]) -> NDArray[np.object_]:
    """The array itself; raises ``DoesNotFit`` where a text is no UTF-8."""
    if spec.content == "text":
        for place, value in enumerate(array.ravel().tolist()):
            try:
                value.decode()
            except UnicodeDecodeError as error:
                raise DoesNotFit(
                    f"input {spec.name!r}: value {place} is not UTF-8 from byte {error.start} on, expected a text"
                ) from None
    return array


def base64_bytes(spec: TensorSpec, place: int, text: str) -> bytes:
    """Bytes of a base64 string; raises ``DoesNotFit`` naming which value is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DoesNotFit(
            f"input {spec.name!r}: value {place} is not base64 ({str(error).lower()}), expected the bytes in base64"
        ) from None


def _flattened(name: str, shape: tuple[int, ...], data: list[Any], depth: int = 1) -> list[Any]:
    if depth > len(shape):
        raise DoesNotFit(f"input {name!r}: data is nested deeper than shape {list(shape)}")
    if len(data) != shape[depth - 1]:
        raise DoesNotFit(
            f"input {name!r}: a list of {len(data)} at depth {depth} of data, expected {shape[depth - 1]} "
            f"for shape {list(shape)}"
        )
    nested = [type(part) is list for part in data]
    if not any(nested):
        return data
    if not all(nested):
        place = nested.index(False)
        raise DoesNotFit(
            f"input {name!r}: {describe(data[place])} beside lists at depth {depth} of data"
        )
    flat: list[Any] = []
    for part in data:
        flat.extend(_flattened(name, shape, part, depth + 1))
    return flat


def _numbers(spec: TensorSpec, flat: list[Any]) -> NDArray[Any]:
    dtype = DTYPES[spec.datatype]
    allowed = {"b": (bool,), "f": (float, int)}.get(dtype.kind, (int,))
    if not set(map(type, flat)).issubset(allowed):
        place = next(i for i, value in enumerate(flat) if type(value) not in allowed)
        expected = {"b": "true or false", "f": "a number"}.get(dtype.kind, "a whole number")
        raise DoesNotFit(
            f"input {spec.name!r}: value {place} is {describe(flat[place])}, expected {expected}"
        )
    if len(flat) <= _FEW and dtype.kind == "f":
        most = _LARGEST_FLOAT[dtype.itemsize]
        if -most <= min(flat) and max(flat) <= most:
            return np.array(flat, dtype=dtype)
    with np.errstate(over="ignore"):
        try:
            array = np.array(flat, dtype=dtype)
        except OverflowError:
            raise _out_of_range(spec, flat) from None
    return finite(spec, array)


def _of_doubles(
    spec: TensorSpec, shape: tuple[int, ...], doubles: NDArray[np.float64]
) -> NDArray[Any] | None:
    """The tensor, or ``None`` where these are not without doubt as many numbers as fit."""
    if not spec.datatype.startswith("FP") or len(doubles) != math.prod(shape):
        return None
    with np.errstate(over="ignore"):
        array = doubles.astype(DTYPES[spec.datatype])
    return array.reshape(shape) if np.isfinite(array).all() else None


def _fits(given: list[Any], wanted: tuple[int, ...]) -> bool:
    """Whether this is without doubt a shape that fits and holds something."""
    if len(given) != len(wanted):
        return False
    for size, length in zip(given, wanted, strict=True):
        if type(size) is not int or not 0 < size < _LARGEST_SIZE or length not in (-1, size):
            return False
    return True


def _out_of_range(spec: TensorSpec, flat: list[Any]) -> DoesNotFit:
    dtype = DTYPES[spec.datatype]
    if dtype.kind == "f":
        return DoesNotFit(
            f"input {spec.name!r}: a value is beyond {spec.datatype}, expected a finite number"
        )
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    place = next(i for i, value in enumerate(flat) if not low <= value <= high)
    return DoesNotFit(
        f"input {spec.name!r}: value {place} is {describe(flat[place])}, expected {low} to {high} for {spec.datatype}"
    )


def _strings(spec: TensorSpec, flat: list[Any], *, as_base64: bool) -> list[bytes]:
    if not set(map(type, flat)).issubset({str}):
        place = next(i for i, value in enumerate(flat) if type(value) is not str)
        raise DoesNotFit(
            f"input {spec.name!r}: value {place} is {describe(flat[place])}, expected a string"
        )
    if as_base64 or spec.content == "image":
        return [base64_bytes(spec, place, text) for place, text in enumerate(flat)]
    return [text.encode() for text in flat]


def _length_prefixed(spec: TensorSpec, count: int, raw: bytes | memoryview) -> NDArray[np.object_]:
    values: list[bytes] = []
    reached, end = 0, len(raw)
    while reached < end and len(values) < count:
        size = int.from_bytes(raw[reached : reached + 4], "little")
        reached += 4
        if reached + size > end:
            raise BadRequest(
                f"input {spec.name!r}: value {len(values)} claims {size} bytes, only {max(0, end - reached)} are left"
            )
        values.append(bytes(raw[reached : reached + size]))
        reached += size
    if reached != end or len(values) != count:
        raise BadRequest(
            f"input {spec.name!r}: binary data of {end} bytes holds {len(values)} values "
            f"and {max(0, end - reached)} bytes more, expected exactly {count} values"
        )
    return checked_text(spec, bytes_array(values))


def _listed(specs: dict[str, TensorSpec]) -> str:
    return ", ".join(f"{spec.name!r} ({spec.datatype} {_shape(spec)})" for spec in specs.values())


def _shape(spec: TensorSpec) -> str:
    return str(list(spec.shape))
