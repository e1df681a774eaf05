"""Bad REST requests, one a row: what is sent, the status, and words that the sentence must hold."""

import base64
import gzip
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.integration.serving import pictures
from tests.integration.serving.lab import tensor

TABLE = "/v2/models/table/infer"
TEXT = "/v2/models/length/infer"
IMAGE = "/v2/models/redness/infer"
TABLE_V1 = "/v1/models/table:predict"
TEXT_V1 = "/v1/models/length:predict"
IMAGE_V1 = "/v1/models/redness:predict"
JSON = {"content-type": "application/json"}
SIGNATURE = "'numbers' (FP32 [-1, 3])"


@dataclass
class Bad:
    """``words`` stand in the answer's sentence; ``closes`` where the connection may end."""

    id: str
    path: str
    body: bytes
    status: int
    words: tuple[str, ...]
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    method: str = "POST"

    @property
    def closes(self) -> bool:
        return "over the limit" in self.id


def v2(id_: str, document: Any, status: int, *words: str, path: str = TABLE) -> Bad:
    return Bad(f"v2 json: {id_}", path, json.dumps(document).encode(), status, words)


def one(id_: str, status: int, *words: str, **changed: Any) -> Bad:
    """A good tensor of the table's with some fields changed, or left out where ``None``."""
    item = tensor("numbers", "FP32", [1, 2, 3], [1, 3]) | changed
    kept = {name: value for name, value in item.items() if value is not Ellipsis}
    return v2(id_, {"inputs": [kept]}, status, *words)


def v1(id_: str, instances: Any, status: int, *words: str, path: str = TABLE_V1) -> Bad:
    body = json.dumps({"instances": instances}).encode()
    return Bad(f"v1 json: {id_}", path, body, status, words)


def raw(
    id_: str, path: str, body: bytes, status: int, *words: str, kind: str = "application/json"
) -> Bad:
    return Bad(id_, path, body, status, words, {"content-type": kind} if kind else {})


def binary(
    id_: str,
    status: int,
    *words: str,
    blob: bytes,
    size: Any = None,
    shape: tuple[int, ...] = (1, 3),
    name: str = "numbers",
    datatype: str = "FP32",
    path: str = TABLE,
    header: str | None = None,
) -> Bad:
    """One binary tensor; ``size`` and ``header`` where they lie."""
    told = len(blob) if size is None else size
    item = {
        "name": name,
        "datatype": datatype,
        "shape": shape,
        "parameters": {"binary_data_size": told},
    }
    head = json.dumps({"inputs": [item]}).encode()
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(head)) if header is None else header,
    }
    return Bad(f"v2 binary: {id_}", path, head + blob, status, words, headers)


def form(
    id_: str, body: bytes, status: int, *words: str, path: str = IMAGE_V1, boundary: str = "xx"
) -> Bad:
    kind = "multipart/form-data" + (f"; boundary={boundary}" if boundary else "")
    return Bad(f"multipart: {id_}", path, body, status, words, {"content-type": kind})


def part(content: bytes, disposition: str = 'form-data; name="file"; filename="a.jpg"') -> bytes:
    head = f"--xx\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + content + b"\r\n"


END = b"--xx--\r\n"


def floats(*values: float) -> bytes:
    return np.array(values, dtype="<f4").tobytes()


def prefixed(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


RED = (250, 0, 0)
JPEG, PNG = pictures.jpeg(RED), pictures.png(RED)
BOMB = pictures.huge_png(20_000, 20_000)
BOMB_WORDS = ("20000 x 20000", "at most")
CUT = JPEG[: len(JPEG) // 2]
GIF = b"GIF89a" + bytes(20)
LARGE = b" " * 1_000_001
LARGE_WORDS = ("the body", "1000001 bytes", "at most 1000000")
B64 = base64.b64encode

JSON_V2 = [
    raw("v2 json: no JSON", TABLE, b"numbers=1", 400, "body is not JSON", "line 1 column 1"),
    raw("v2 json: empty body", TABLE, b"", 400, "body is not JSON"),
    raw("v2 json: cut short", TABLE, b'{"inputs": [', 400, "body is not JSON"),
    raw("v2 json: bad UTF-8", TABLE, b'{"inputs": "\xff\xfe"}', 400, "body is not JSON"),
    raw("v2 json: NaN", TABLE, b'{"inputs": [NaN]}', 400, "body is not JSON", "column 13"),
    raw("v2 json: nested a hundred thousand deep", TABLE, b"[" * 100_000, 400, "body is not JSON"),
    v2("wrong JSON type", [1], 400, "body is a list", "expected a JSON object"),
    v2("no inputs", {}, 422, "'inputs' is missing", "expected a list of tensors"),
    v2("inputs of another type", {"inputs": "x"}, 422, "'inputs' is 'x'", "expected a list"),
    v2("an input of another type", {"inputs": [5]}, 422, "inputs[0]", "expected an object"),
    v2("missing input", {"inputs": []}, 422, "input 'numbers' is missing", SIGNATURE),
    one("unknown input", 422, "unknown input 'colour'", SIGNATURE, name="colour"),
    one("input's name of another type", 422, "inputs[0]", "expected an object", name=7),
    v2(
        "input given twice",
        {"inputs": [tensor("numbers", "FP32", [1, 2, 3], [1, 3])] * 2},
        422,
        "'numbers' is given 2 times",
        "expected once",
    ),
    one("wrong datatype", 422, "'numbers'", "datatype is 'INT64'", "'FP32'", datatype="INT64"),
    one("no datatype", 422, "'numbers'", "datatype is null", "'FP32'", datatype=...),
    one("wrong shape", 422, "'numbers'", "shape is [3]", "expected [-1, 3]", shape=[3]),
    one("wrong width", 422, "'numbers'", "shape is [1, 4]", "expected [-1, 3]", shape=[1, 4]),
    one("negative shape", 422, "'numbers'", "shape is [-1, 3]", "[-1, 3]", shape=[-1, 3]),
    one("shape of another type", 422, "'numbers'", "shape is 'x'", "[-1, 3]", shape="x"),
    one("shape with a fraction", 422, "'numbers'", "shape is a list", "whole", shape=[1, 3.5]),
    one("no shape", 422, "'numbers'", "shape is null", "expected [-1, 3]", shape=...),
    one("wrong count", 422, "'numbers'", "2 values", "expected 3", data=[1, 2]),
    one("infinity", 400, "body is not JSON", data=[1, 2, float("inf")]),
    one("beyond its datatype", 422, "'numbers'", "value 2 is inf", "finite", data=[1, 2, 1e39]),
    one(
        "ragged rows",
        422,
        "'numbers'",
        "a list of 2",
        "expected 3",
        shape=[2, 3],
        data=[[1, 2, 3], [4, 5]],
    ),
    one(
        "rows and numbers mixed",
        422,
        "'numbers'",
        "4 beside lists",
        shape=[2, 3],
        data=[[1, 2, 3], 4],
    ),
    one("nested too deep", 422, "'numbers'", "deeper", "[1, 3]", data=[[[1], [2], [3]]]),
    one("empty batch", 422, "'numbers'", "[0, 3]", "at least one row", shape=[0, 3], data=[]),
    one("too many rows", 413, "'numbers'", "65 rows", "at most 64", shape=[65, 3], data=[1] * 195),
    one("text for a number", 422, "'numbers'", "value 1 is 'two'", "a number", data=[1, "two", 3]),
    one("null for a number", 422, "'numbers'", "value 1 is null", "a number", data=[1, None, 3]),
    one("boolean for a number", 422, "'numbers'", "value 1 is a boolean", data=[1, True, 3]),
    one("object for a number", 422, "'numbers'", "value 0 is an object", data=[{}, 2, 3]),
    one("no data", 422, "'numbers'", "'data' is missing", "list of values", data=...),
    one("data of another type", 422, "'numbers'", "data is 'x'", "expected a list", data="x"),
    one("parameters of another type", 422, "'numbers'", "parameters is 5", parameters=5),
    v2(
        "number for a text",
        {"inputs": [tensor("text", "BYTES", [5])]},
        422,
        "'text'",
        "value 0 is 5",
        "expected a string",
        path=TEXT,
    ),
    v2(
        "wrong base64",
        {"inputs": [tensor("image", "BYTES", ["@@@"])]},
        422,
        "'image'",
        "value 0 is not base64",
        path=IMAGE,
    ),
    v2(
        "text file as an image",
        {"inputs": [tensor("image", "BYTES", [B64(b"hello").decode()])]},
        415,
        "'image'",
        "value 0",
        "JPEG, PNG or WebP",
        "hello",
        path=IMAGE,
    ),
    v2(
        "truncated image among good ones",
        {
            "inputs": [
                tensor("image", "BYTES", [B64(JPEG).decode(), B64(CUT).decode()]),
            ]
        },
        400,
        "'image'",
        "value 1",
        "truncated or damaged JPEG",
        path=IMAGE,
    ),
    v2(
        "image of 20,000 x 20,000",
        {"inputs": [tensor("image", "BYTES", [B64(BOMB).decode()])]},
        413,
        "'image'",
        *BOMB_WORDS,
        path=IMAGE,
    ),
    v2("id of another type", {"inputs": [], "id": 5}, 422, "'id' is 5", "a string"),
    v2("parameters as a list", {"inputs": [], "parameters": []}, 422, "'parameters' is a list"),
    v2("outputs of another type", {"inputs": [], "outputs": 5}, 422, "'outputs' is 5", "a list"),
    v2(
        "unknown output",
        {"inputs": [], "outputs": [{"name": "cubes"}]},
        422,
        "outputs[0]",
        "'cubes'",
        "'squares'",
    ),
    v2(
        "output asked for twice",
        {"inputs": [], "outputs": [{"name": "squares"}] * 2},
        422,
        "outputs[1]",
        "'squares'",
        "twice",
    ),
    v2("version of another type", {"inputs": [], "model_version": 2}, 422, "'model_version' is 2"),
    v2(
        "unknown model",
        {"inputs": []},
        404,
        "'tabel'",
        "known",
        "'table'",
        path="/v2/models/tabel/infer",
    ),
    v2(
        "unknown version",
        {"inputs": []},
        404,
        "'v9'",
        "'table'",
        "known: ['v1']",
        path="/v2/models/table/versions/v9/infer",
    ),
    v2(
        "unknown route",
        {},
        404,
        "no route POST",
        "/v2/models/table/guess",
        path="/v2/models/table/guess",
    ),
    v2(
        "fallback in doubt",
        {"inputs": []},
        400,
        "'fallback' is 'maybe'",
        path=f"{TABLE}?fallback=maybe",
    ),
    raw("v2 json: over the limit", TABLE, LARGE, 413, *LARGE_WORDS),
    raw(
        "v2 json: a page's content type", TABLE, b"{}", 415, "'text/html'", "json", kind="text/html"
    ),
    raw(
        "v2 json: a picture's content type",
        TABLE,
        PNG,
        415,
        "'image/png'",
        "json",
        kind="image/png",
    ),
    Bad("v2 json: wrong method", TABLE, b"", 405, ("GET", "expected POST"), {}, "GET"),
    Bad(
        "v2 json: wrong method on metadata", "/v2/models/table", b"", 405, ("PUT", "GET"), {}, "PUT"
    ),
]

BINARY_V2 = [
    binary("short", 400, "'numbers'", "8 bytes", "expected 12", blob=floats(1, 2)),
    binary("long", 400, "'numbers'", "16 bytes", "expected 12", blob=floats(1, 2, 3, 4)),
    binary(
        "more than came", 400, "'numbers'", "is 13", "only 12 bytes", blob=floats(1, 2, 3), size=13
    ),
    binary("less than came", 400, "4 bytes", "left over", "12", blob=floats(1, 2, 3, 4), size=12),
    binary(
        "negative", 400, "'numbers'", "is -1", "expected 0 to 12", blob=floats(1, 2, 3), size=-1
    ),
    binary("size in words", 400, "'numbers'", "is 'x'", "0 to 12", blob=floats(1, 2, 3), size="x"),
    binary("size as a boolean", 400, "'numbers'", "boolean", blob=floats(1, 2, 3), size=True),
    binary("NaN", 422, "'numbers'", "value 1 is nan", "finite", blob=floats(1, float("nan"), 3)),
    binary(
        "infinity", 422, "'numbers'", "value 2 is -inf", "finite", blob=floats(1, 2, float("-inf"))
    ),
    binary("wrong shape", 422, "'numbers'", "[1, 4]", "[-1, 3]", blob=floats(1), shape=(1, 4)),
    binary("empty batch", 422, "'numbers'", "at least one row", blob=b"", shape=(0, 3)),
    binary("too many rows", 413, "65 rows", "at most 64", blob=floats(*[1] * 195), shape=(65, 3)),
    binary("header longer than the body", 400, "'99999'", "at most", blob=b"", header="99999"),
    binary("header negative", 400, "'-5'", "whole number", blob=b"", header="-5"),
    binary("header in words", 400, "'long'", "whole number", blob=b"", header="long"),
    binary("header of five thousand digits", 400, "whole number", blob=b"", header="9" * 5000),
    binary("header cuts the JSON", 400, "not JSON", blob=floats(1, 2, 3), header="20"),
    binary("header of nothing", 400, "not JSON", blob=floats(1, 2, 3), header="0"),
    one(
        "binary size without its header",
        400,
        "'numbers'",
        "binary_data_size",
        "without the header",
        parameters={"binary_data_size": 12},
    ),
    *(
        binary(
            id_,
            status,
            "'text'",
            *words,
            blob=blob,
            shape=(2,),
            name="text",
            datatype="BYTES",
            path=TEXT,
        )
        for id_, blob, status, words in (
            (
                "string longer than came",
                prefixed(b"a") + struct.pack("<I", 9) + b"b",
                400,
                ("value 1 claims 9 bytes", "only 1"),
            ),
            (
                "string of four gigabytes",
                prefixed(b"a") + b"\xff\xff\xff\xff",
                400,
                ("value 1 claims 4294967295",),
            ),
            ("one string too few", prefixed(b"a"), 400, ("1 values", "expected exactly 2")),
            ("one string too many", prefixed(b"a", b"b", b"c"), 400, ("2 values", "5 bytes more")),
            ("length cut short", prefixed(b"a") + b"\x01\x00", 400, ("value 1 claims",)),
            ("bad UTF-8", prefixed(b"a", b"b\xff"), 422, ("value 1 is not UTF-8 from byte 1",)),
        )
    ),
    *(
        binary(
            id_,
            status,
            "'image'",
            *words,
            blob=prefixed(blob),
            shape=(1,),
            name="image",
            datatype="BYTES",
            path=IMAGE,
        )
        for id_, blob, status, words in (
            ("truncated image", CUT, 400, ("truncated or damaged JPEG",)),
            ("text file as an image", b"hello", 415, ("JPEG, PNG or WebP", "hello")),
            ("image of no bytes", b"", 400, ("empty",)),
            ("image of 20,000 x 20,000", BOMB, 413, BOMB_WORDS),
        )
    ),
]

JSON_V1 = [
    raw("v1 json: no JSON", TABLE_V1, b"numbers=1", 400, "body is not JSON", "line 1 column 1"),
    raw("v1 json: empty body", TABLE_V1, b"", 400, "body is not JSON"),
    raw("v1 json: bad UTF-8", TABLE_V1, b'{"instances": ["\xff"]}', 400, "body is not JSON"),
    raw("v1 json: NaN", TABLE_V1, b'{"instances": [[1, 2, NaN]]}', 400, "body is not JSON"),
    raw("v1 json: wrong JSON type", TABLE_V1, b"[1]", 400, "body is a list", "a JSON object"),
    raw("v1 json: no instances", TABLE_V1, b"{}", 422, "'instances' is missing", "a list"),
    v1("instances of another type", 5, 422, "'instances' is 5", "expected a list"),
    v1("empty batch", [], 422, "'instances' is empty", "at least one row"),
    v1("too many rows", [[1, 2, 3]] * 65, 413, "'instances' has 65 rows", "at most 64"),
    v1("wrong shape", [1, 2, 3], 422, "'numbers'", "shape is [3]", "expected [-1, 3]"),
    v1("wrong count", [[1, 2]], 422, "'numbers'", "[1, 2]", "expected [-1, 3]"),
    v1("ragged rows", [[1, 2, 3], [4, 5]], 422, "'numbers'", "a list of 2", "expected 3"),
    v1("rows and numbers mixed", [[1, 2, 3], 4], 422, "'numbers'", "4 beside lists"),
    v1("text for a number", [[1, "two", 3]], 422, "'numbers'", "value 1 is 'two'", "a number"),
    v1("null for a row", [None], 422, "'numbers'", "shape", "[-1, 3]"),
    v1("beyond its datatype", [[1, 2, 1e39]], 422, "'numbers'", "value 2 is inf", "finite"),
    v1("unknown input", [{"colour": 1}], 422, "instances[0]", "unknown input 'colour'", SIGNATURE),
    v1("missing input", [{"numbers": [1, 2, 3]}, {}], 422, "instances[1]", "'numbers' is missing"),
    v1("number for a text", ["a", 5], 422, "'text'", "value 1 is 5", "a string", path=TEXT_V1),
    v1("bytes that are no text", [{"b64": "/w=="}], 422, "'text'", "not UTF-8", path=TEXT_V1),
    v1("wrong base64", ["@@@"], 422, "'image'", "value 0 is not base64", path=IMAGE_V1),
    v1("wrong base64 object", [{"b64": "@"}], 422, "'image'", "not base64", path=IMAGE_V1),
    v1("text file as an image", [B64(b"hello").decode()], 415, "'image'", "hello", path=IMAGE_V1),
    v1("truncated image", [{"b64": B64(CUT).decode()}], 400, "'image'", "truncated", path=IMAGE_V1),
    v1("image of 20,000 x 20,000", [B64(BOMB).decode()], 413, *BOMB_WORDS, path=IMAGE_V1),
    v1("unknown model", [], 404, "'tabel'", "known", path="/v1/models/tabel:predict"),
    v1(
        "unknown version",
        [],
        404,
        "'v9'",
        "known: ['v1']",
        path="/v1/models/table/versions/v9:predict",
    ),
    v1("unknown verb", [], 404, "no route POST", path="/v1/models/table:guess"),
    raw(
        "v1 json: version of another type",
        TABLE_V1,
        b'{"model_version": 2}',
        422,
        "'model_version' is 2",
    ),
    raw("v1 json: over the limit", TABLE_V1, LARGE, 413, *LARGE_WORDS),
    raw("v1 json: content type", TABLE_V1, b"{}", 415, "'text/html'", "json", kind="text/html"),
    Bad("v1 json: wrong method", TABLE_V1, b"", 405, ("GET", "expected POST"), {}, "GET"),
]

IMAGES_V1 = [
    form("no boundary", part(JPEG) + END, 400, "multipart/form-data", "boundary", boundary=""),
    form("no form", b"hello", 400, "form"),
    form("empty body", b"", 400, "form ends before its last boundary"),
    form("another boundary", part(JPEG) + END, 400, "form", boundary="yy"),
    form("cut short", part(JPEG), 400, "form ends before its last boundary"),
    form("no part", END, 422, "'file' is missing", "the form has []"),
    form(
        "no file",
        part(b"v1", 'form-data; name="model_version"') + END,
        422,
        "'file' is missing",
        "expected an image",
        "model_version",
    ),
    form(
        "two files of other names",
        part(JPEG, 'form-data; name="a"; filename="a"')
        + part(JPEG, 'form-data; name="b"; filename="b"')
        + END,
        422,
        "'file' is missing",
        "['a', 'b']",
    ),
    form("part without a name", part(JPEG, "form-data") + END, 400, "no name"),
    form("three hundred parts", part(JPEG[:4]) * 300 + END, 400, "more than 256 parts"),
    form("text file as an image", part(b"hello") + END, 415, "'image'", "JPEG, PNG or WebP"),
    form("empty file", part(b"") + END, 400, "'image'", "empty"),
    form("truncated image", part(CUT) + END, 400, "'image'", "truncated or damaged JPEG"),
    form("image of 20,000 x 20,000", part(BOMB) + END, 413, "'image'", *BOMB_WORDS),
    form("over the limit", part(LARGE) + END, 413, "the body", "at most 1000000"),
    form("too many rows", part(PNG) * 65 + END, 413, "'image'", "65 rows", "at most 64"),
    form("model of numbers", part(JPEG) + END, 415, "takes no image", "'numbers'", path=TABLE_V1),
    form(
        "unknown version",
        part(JPEG) + part(b"v9", 'form-data; name="model_version"') + END,
        404,
        "'v9'",
        "known: ['v1']",
    ),
    raw("image: text file", IMAGE_V1, b"hello", 415, "'image'", "hello", kind="image/jpeg"),
    raw("image: a GIF named PNG", IMAGE_V1, GIF, 415, "'image'", "a GIF", kind="image/png"),
    raw(
        "image: content type GIF", IMAGE_V1, GIF, 415, "'image/gif'", "image/png", kind="image/gif"
    ),
    raw("image: truncated", IMAGE_V1, CUT, 400, "'image'", "truncated", kind="image/jpeg"),
    raw("image: truncated PNG", IMAGE_V1, PNG[:-30], 400, "'image'", "PNG", kind="image/png"),
    raw("image: only a header", IMAGE_V1, JPEG[:3], 400, "'image'", "JPEG", kind="image/jpeg"),
    raw("image: empty", IMAGE_V1, b"", 400, "'image'", "empty", "0 bytes", kind="image/jpeg"),
    raw("image: 20,000 x 20,000", IMAGE_V1, BOMB, 413, *BOMB_WORDS, kind="image/png"),
    raw("image: over the limit", IMAGE_V1, LARGE, 413, *LARGE_WORDS, kind="image/jpeg"),
    raw("image: model of numbers", TABLE_V1, PNG, 415, "takes no image", kind="image/png"),
    raw("image: on V2", IMAGE, PNG, 415, "'image/png'", "octet-stream", kind="image/png"),
    raw(
        "image: unknown model", "/v1/models/rednes:predict", PNG, 404, "'rednes'", kind="image/png"
    ),
]

CODED = [
    Bad(
        f"compressed: {path}",
        path,
        gzip.compress(b"{}"),
        415,
        ("'content-encoding' is 'gzip'", "expected none or identity"),
        {**JSON, "content-encoding": "gzip"},
    )
    for path in (TABLE, TABLE_V1, "/v2/repository/index")
]

QUIET = [
    raw(f"{name}: over the limit", path, b" " * 70_000, 413, "70000 bytes", "at most 65536")
    for name, path in (
        ("index", "/v2/repository/index"),
        ("load", "/v2/repository/models/table/load"),
        ("unload", "/v2/repository/models/table/unload"),
    )
]

BAD_REST = [*JSON_V2, *BINARY_V2, *JSON_V1, *IMAGES_V1, *CODED, *QUIET]
