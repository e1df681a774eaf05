"""Builds the rows from the models that are there."""

import base64
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from tests.bench import answers, mobilenet
from tests.bench.answers import Saying
from tests.bench.processes import ROOT
from tests.bench.requests import Grpc, Http, v2_binary, v2_grpc, v2_json
from tests.bench.rows import Contestant, Role, Row, Target
from trellis.contracts.model_yaml import ModelYaml
from trellis.serving.version_folder import VersionFolder

_PEERS = "tests.bench.peers"
_MODELS = ROOT / "models"
_KSERVE_PORTS = ("--http_port", "{http}", "--grpc_port", "{grpc}")


def squares(_scratch: Path) -> Row:
    """The no-op over V2 JSON."""
    request = v2_json("squares", "numbers", "FP32", [1], [1.5])
    constant = orjson.dumps({"outputs": [{"name": "squares", "data": [2.25]}]}).decode()
    return Row(
        "no-op",
        "no-op predictor, V2 JSON",
        (
            _trellis(_MODELS / "squares/v1", request, answers.first_number),
            _kserve("stock", "squares", _MODELS / "squares/v1", request, answers.first_number),
            Contestant(
                "limit: bare ASGI application, uvicorn",
                "limit",
                (sys.executable, "-m", f"{_PEERS}.bare_asgi", "{http}", constant),
                request,
                answers.first_number,
            ),
        ),
        (Target("trellis", "stock", 10), Target("trellis", "limit", 0.4)),
    )


def squares_grpc(_scratch: Path) -> Row:
    """The no-op over gRPC."""
    request = v2_grpc("squares", "numbers", np.array([1.5], np.float32))
    folder, says = _MODELS / "squares/v1", answers.first_number_grpc
    return Row(
        "no-op-grpc",
        "no-op predictor, gRPC",
        (
            _trellis(folder, request, says),
            _kserve("stock", "squares", folder, request, says),
            Contestant(
                "limit: grpc.aio, constant answer",
                "limit",
                (sys.executable, "-m", f"{_PEERS}.bare_grpc", "{grpc}", "2.25"),
                request,
                says,
                ready_path="",
            ),
        ),
        (Target("trellis", "stock", 1.8),),
    )


def diabetes(_scratch: Path) -> Row:
    """One row of ten numbers through a random forest."""
    folder = _MODELS / "diabetes/v2"
    description = _description(folder)
    given = description.examples[0].inputs[0]
    request = v2_json("diabetes", given.name, given.datatype, list(given.shape), list(given.data))
    says = answers.v2_label(description.labels)
    return Row(
        "diabetes",
        "`diabetes`, one row, V2 JSON (random forest, 100 trees)",
        (
            _trellis(folder, request, says),
            _kserve("stock", "forest", folder, request, says),
            _kserve("careful", "forest", folder, request, says),
        ),
        (Target("trellis", "stock", 60), Target("trellis", "careful", 10)),
        most_p99=10,
    )


def sentiment(_scratch: Path) -> Row:
    """One sentence."""
    folder = _MODELS / "sentiment/v2"
    description = _description(folder)
    given = description.examples[0].inputs[0]
    request = v2_json("sentiment", given.name, given.datatype, list(given.shape), list(given.data))
    says = answers.v2_label(description.labels)
    return Row(
        "sentiment",
        "`sentiment`, one sentence, V2 JSON",
        (_trellis(folder, request, says), _kserve("stock", "text", folder, request, says)),
        (Target("trellis", "stock", 15),),
    )


def tomato(scratch: Path) -> Row:
    """A photograph-sized JPEG through the small network."""
    return _pictures(
        "tomato",
        "`tomato`, one JPEG of 640x480, small CNN",
        _MODELS / "tomato/v2",
        scratch,
        (640, 480),
        {"stock": 50, "careful": 2.5, "limit": 0.7},
    )


def mobile(scratch: Path) -> Row:
    """The same through a network of MobileNet's size."""
    return _pictures(
        "mobilenet",
        "MobileNetV2 (Keras), one JPEG of 224x224",
        mobilenet.published(scratch).pictures,
        scratch,
        (224, 224),
        {"stock": 10, "limit": 0.75},
    )


def tensor_binary(scratch: Path) -> Row:
    """150,528 floats as bytes."""
    return _tensor("tensor-binary", "V2 1x224x224x3 FP32, binary", v2_binary, 15, 0.8, scratch)


def tensor_json(scratch: Path) -> Row:
    """150,528 floats as text, four digits each."""

    def body(model: str, name: str, array: Any) -> Http:
        numbers = np.round(array.ravel().astype(np.float64), 4).tolist()
        return v2_json(model, name, "FP32", list(array.shape), numbers)

    return _tensor("tensor-json", "V2 1x224x224x3 FP32, JSON", body, 8, 0.6, scratch)


ROWS: dict[str, Callable[[Path], Row]] = {
    "no-op": squares,
    "no-op-grpc": squares_grpc,
    "diabetes": diabetes,
    "sentiment": sentiment,
    "tomato": tomato,
    "mobilenet": mobile,
    "tensor-binary": tensor_binary,
    "tensor-json": tensor_json,
}


def _pictures(
    key: str,
    title: str,
    folder: Path,
    scratch: Path,
    size: tuple[int, int],
    factors: dict[Role, float],
) -> Row:
    description = _description(folder)
    file = scratch / f"{key}.jpg"
    file.write_bytes(mobilenet.leaf(size))
    jpeg = file.read_bytes()
    coded = {"instances": [{"image": {"b64": base64.b64encode(jpeg).decode()}}]}
    path = f"/v1/models/{description.name}:predict"
    as_json = Http(path, orjson.dumps(coded))
    as_file = Http(path, jpeg, (("content-type", "image/jpeg"),))
    says = answers.v1_label(description.labels)
    targets = [
        Target("trellis" if role != "limit" else "trellis, image/jpeg", role, factor)
        for role, factor in factors.items()
    ]
    return Row(
        key,
        title,
        (
            _trellis(folder, as_json, says),
            _trellis(folder, as_file, says, "trellis, image/jpeg"),
            _kserve("stock", "picture", folder, as_json, says),
            _kserve("careful", "picture", folder, as_json, says),
            _loop("picture", folder, file, "limit: decode + model in a loop", description),
        ),
        tuple(targets),
        notes=(
            f"The JPEG has {len(jpeg):,} bytes; all but the limit get it as base64 in V1 JSON.",
        ),
    )


def _tensor(
    key: str,
    title: str,
    body: Callable[[str, str, Any], Http],
    of_stock: float,
    of_limit: float,
    scratch: Path,
) -> Row:
    folder = mobilenet.published(scratch).tensors
    description = _description(folder)
    array = mobilenet.pixels() / np.float32(127.5) - 1
    file = scratch / "tensor"
    file.write_bytes(array.tobytes())
    request = body(description.name, description.inputs[0].name, array)
    says = answers.v2_label(description.labels)
    return Row(
        key,
        title,
        (
            _trellis(folder, request, says, packages="predictors,trellis.serving"),
            _kserve("stock", "tensor", folder, request, says),
            _loop("tensor", folder, file, "limit: the model alone in a loop", description),
        ),
        (Target("trellis", "stock", of_stock), Target("trellis", "limit", of_limit)),
        notes=(f"The body has {len(request.body):,} bytes.",),
    )


def _trellis(
    folder: Path,
    request: Http | Grpc,
    says: Saying,
    title: str = "trellis",
    packages: str = "predictors",
) -> Contestant:
    command = (sys.executable, "-m", "trellis.serving", str(folder), *_KSERVE_PORTS)
    settings = ("--host", "127.0.0.1", "--predictor_packages", packages)
    return Contestant(title, "trellis", (*command, *settings), request, says, "/v2/health/ready")


def _kserve(role: Role, kind: str, folder: Path, request: Http | Grpc, says: Saying) -> Contestant:
    title = {"stock": "kserve, stock", "careful": "kserve, careful"}[role]
    command = (sys.executable, "-m", f"{_PEERS}.{role}", kind, str(folder), *_KSERVE_PORTS)
    ready = f"/v2/models/{_description(folder).name}/ready"
    return Contestant(title, role, command, request, says, ready)


def _loop(kind: str, folder: Path, given: Path, title: str, description: ModelYaml) -> Contestant:
    command = (sys.executable, "-m", f"{_PEERS}.loop", kind, str(folder), str(given), "{seconds}")
    return Contestant(title, "limit", command, says=answers.loop_label(description.labels))


def _description(folder: Path) -> ModelYaml:
    return VersionFolder.open(folder).yaml
