"""Bad gRPC requests, one a row: the message, the code, and words that the sentence must hold."""

from dataclasses import dataclass
from typing import Any

from grpc import StatusCode

from tests.integration.serving.bad_rest import (
    BOMB,
    BOMB_WORDS,
    CUT,
    SIGNATURE,
    floats,
    prefixed,
)
from tests.integration.serving.calls import request, table, tensor

INVALID, MISSING, LARGE = (
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.RESOURCE_EXHAUSTED,
)
NAN, INFINITY = float("nan"), float("inf")


@dataclass
class BadCall:
    """``message`` is a ``ModelInferRequest``, or bytes that are none."""

    id: str
    message: Any
    code: StatusCode
    words: tuple[str, ...]


def typed(id_: str, message: Any, code: StatusCode, *words: str) -> BadCall:
    return BadCall(f"typed: {id_}", message, code, words)


def numbers(
    id_: str,
    code: StatusCode,
    *words: str,
    shape: tuple[int, ...] = (1, 3),
    name: str = "numbers",
    datatype: str = "FP32",
    **contents: Any,
) -> BadCall:
    contents = contents or {"fp32_contents": [1, 2, 3]}
    return typed(id_, request("table", tensor(name, datatype, shape, **contents)), code, *words)


def raw(
    id_: str,
    blobs: list[bytes],
    code: StatusCode,
    *words: str,
    shape: tuple[int, ...] = (1, 3),
    model: str = "table",
    name: str = "numbers",
    datatype: str = "FP32",
) -> BadCall:
    message = request(model, tensor(name, datatype, shape), raw=blobs)
    return BadCall(f"raw: {id_}", message, code, words)


def text(id_: str, blob: bytes, *words: str) -> BadCall:
    return raw(
        id_,
        [blob],
        INVALID,
        "'text'",
        *words,
        shape=(2,),
        model="length",
        name="text",
        datatype="BYTES",
    )


def picture(id_: str, file: bytes, code: StatusCode, *words: str) -> BadCall:
    item = tensor("image", "BYTES", (1,), bytes_contents=[file])
    return typed(id_, request("redness", item), code, "'image'", *words)


TYPED = [
    numbers("unknown input", INVALID, "unknown input 'colour'", SIGNATURE, name="colour"),
    typed("missing input", request("table"), INVALID, "'numbers' is missing", SIGNATURE),
    typed(
        "input given twice",
        request("table", *[tensor("numbers", "FP32", (1, 3), fp32_contents=[1, 2, 3])] * 2),
        INVALID,
        "'numbers' is given 2 times",
    ),
    numbers("wrong datatype", INVALID, "'numbers'", "'INT64'", "'FP32'", datatype="INT64"),
    numbers("no datatype", INVALID, "'numbers'", "datatype is ''", "'FP32'", datatype=""),
    numbers("wrong shape", INVALID, "'numbers'", "[3]", "expected [-1, 3]", shape=(3,)),
    numbers("negative shape", INVALID, "'numbers'", "[-1, 3]", shape=(-1, 3)),
    numbers("no shape", INVALID, "'numbers'", "[]", "expected [-1, 3]", shape=()),
    numbers("wrong count", INVALID, "'numbers'", "2 values", "expected 3", fp32_contents=[1, 2]),
    numbers(
        "values of another datatype",
        INVALID,
        "'numbers'",
        "int64_contents",
        "expected fp32_contents",
        int64_contents=[1, 2, 3],
    ),
    numbers("NaN", INVALID, "value 1 is nan", "finite", fp32_contents=[1, NAN, 3]),
    numbers("infinity", INVALID, "value 2 is inf", "finite", fp32_contents=[1, 2, INFINITY]),
    numbers("empty batch", INVALID, "'numbers'", "at least one row", shape=(0, 3)),
    numbers(
        "too many rows", LARGE, "65 rows", "at most 64", shape=(65, 3), fp32_contents=[1] * 195
    ),
    typed("unknown model", request("tabel"), MISSING, "'tabel'", "known", "'table'"),
    typed("no model", request(""), MISSING, "unknown model ''"),
    typed("unknown version", table(1, 2, 3, model_version="v9"), MISSING, "'v9'", "['v1']"),
    typed(
        "unknown output",
        table(1, 2, 3, outputs=[{"name": "cubes"}]),
        INVALID,
        "output 'cubes'",
        "'squares'",
    ),
    typed(
        "output asked for twice",
        table(1, 2, 3, outputs=[{"name": "squares"}] * 2),
        INVALID,
        "asked for 2 times, expected once",
    ),
    typed(
        "bytes that are no text",
        request("length", tensor("text", "BYTES", (1,), bytes_contents=[b"\xff"])),
        INVALID,
        "'text'",
        "value 0 is not UTF-8",
    ),
    picture("text file as an image", b"hello", INVALID, "JPEG, PNG or WebP", "hello"),
    picture("truncated image", CUT, INVALID, "truncated or damaged JPEG"),
    picture("empty image", b"", INVALID, "empty"),
    picture("image of 20,000 x 20,000", BOMB, LARGE, *BOMB_WORDS),
    typed(
        "over the limit",
        request("length", tensor("text", "BYTES", (1,), bytes_contents=[b" " * 1_000_001])),
        LARGE,
        "1000000",
    ),
    BadCall("no message", b"\xff\xff\xff\xff", INVALID, ("message",)),
    BadCall("message cut short", table(1, 2, 3).SerializeToString()[:-3], INVALID, ("message",)),
    BadCall("bad UTF-8", b"\x0a\x02\xff\xfe", INVALID, ("message",)),
]

RAW = [
    raw("short", [floats(1, 2)], INVALID, "'numbers'", "8 bytes", "expected 12"),
    raw("long", [floats(1, 2, 3, 4)], INVALID, "'numbers'", "16 bytes", "expected 12"),
    raw("not a whole number", [floats(1, 2, 3)[:-1]], INVALID, "11 bytes", "expected 12"),
    raw("two for one input", [floats(1, 2, 3)] * 2, INVALID, "2 raw_input_contents", "1 inputs"),
    raw("NaN", [floats(1, NAN, 3)], INVALID, "value 1 is nan", "finite"),
    raw("infinity", [floats(1, 2, -INFINITY)], INVALID, "value 2 is -inf", "finite"),
    raw("empty batch", [b""], INVALID, "at least one row", shape=(0, 3)),
    raw("too many rows", [floats(*[1] * 195)], LARGE, "65 rows", "at most 64", shape=(65, 3)),
    raw("wrong shape", [floats(1, 2, 3)], INVALID, "[1, 4]", "[-1, 3]", shape=(1, 4)),
    BadCall(
        "raw: typed as well",
        request(
            "table",
            tensor("numbers", "FP32", (1, 3), fp32_contents=[1, 2, 3]),
            raw=[floats(1, 2, 3)],
        ),
        INVALID,
        ("'numbers'", "both contents and raw_input_contents"),
    ),
    text("string longer than came", prefixed(b"a") + b"\x09\0\0\0b", "value 1 claims 9 bytes"),
    text("length cut short", prefixed(b"a") + b"\x01\0", "value 1 claims"),
    text("one string too few", prefixed(b"a"), "expected exactly 2"),
    text("one string too many", prefixed(b"a", b"b", b"c"), "expected exactly 2"),
    text("bad UTF-8", prefixed(b"a", b"\xff"), "value 1 is not UTF-8"),
]

BAD_GRPC = [*TYPED, *RAW]
