"""V2 over REST: JSON, the binary extension both ways, versions, metadata."""

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest

from tests.integration.serving import lab, pictures
from tests.integration.serving.lab import tensor
from tests.integration.serving.process import Answer, Caller, PredictorProcess
from trellis.serving.signature import DTYPES

SQUARES = {"inputs": [tensor("numbers", "FP32", [2.0, -3.0])]}


def with_binary(document: dict[str, Any], *blobs: bytes) -> tuple[bytes, dict[str, str]]:
    head = json.dumps(document).encode()
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(head)),
    }
    return b"".join((head, *blobs)), headers


def binary_outputs(answer: Answer) -> dict[str, bytes]:
    size = int(answer.headers["inference-header-content-length"])
    head, rest = json.loads(answer.body[:size]), answer.body[size:]
    found = {}
    for item in head["outputs"]:
        length = item["parameters"]["binary_data_size"]
        found[item["name"]], rest = rest[:length], rest[length:]
    assert rest == b""
    return found


def strings(raw: bytes) -> list[bytes]:
    found = []
    while raw:
        (size,) = struct.unpack_from("<I", raw)
        found.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return found


def test_json_in_json_out(caller: Caller) -> None:
    answer = caller.post("/v2/models/squares/infer", SQUARES | {"id": "one"})
    assert answer.status == 200
    assert answer.json == {
        "model_name": "squares",
        "model_version": "v10",
        "id": "one",
        "outputs": [{"name": "squares", "datatype": "FP32", "shape": [2], "data": [4.0, 9.0]}],
    }
    assert answer.headers["content-type"] == "application/json"


def test_an_answer_says_who_gave_it_and_how_long_it_took(caller: Caller) -> None:
    answer = caller.post("/v2/models/squares/infer", SQUARES, {"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json["id"] == "mine-1"
    assert (answer.headers["x-model-version"], answer.headers["x-model-revision"]) == ("v10", "v10")
    told = {
        v: caller.get(f"/v2/models/squares/versions/{v}").json["fingerprint"] for v in ("v1", "v10")
    }
    assert answer.headers["x-model-fingerprint"] == told["v10"] != told["v1"]
    assert float(answer.headers["server-timing"].removeprefix("total;dur=")) >= 0


def test_a_request_id_that_could_split_a_header_is_replaced(caller: Caller) -> None:
    answer = caller.post("/v2/models/squares/infer", SQUARES, {"x-request-id": "a b\tc"})
    assert answer.status == 200
    assert len(answer.headers["x-request-id"]) == 32


def test_data_may_be_nested_as_its_shape(caller: Caller) -> None:
    document = {"inputs": [tensor("numbers", "FP32", [[1, 2, 3], [4, 5, 6]], [2, 3])]}
    answer = caller.post("/v2/models/table/infer", document)
    assert answer.json["outputs"][0]["data"] == [1, 4, 9, 16, 25, 36]


EXTREMES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    **{
        kind: [int(np.iinfo(DTYPES[kind]).min), int(np.iinfo(DTYPES[kind]).max)]
        for kind in lab.NUMBERS
        if "INT" in kind
    },
    "FP16": [-65504.0, 0.5],
    "FP32": [-3.4e38, 0.25],
    "FP64": [-1e300, 0.1],
}


def echo_inputs() -> list[dict[str, Any]]:
    numbers = [tensor(f"in_{kind}", kind, EXTREMES[kind], [1, 2]) for kind in lab.NUMBERS]
    return [*numbers, tensor("in_BYTES", "BYTES", ["grün", ""], [1, 2])]


def test_every_datatype_survives_json(caller: Caller) -> None:
    answer = caller.post("/v2/models/echo/infer", {"inputs": echo_inputs()})
    assert answer.status == 200, answer.body
    for sent, back in zip(echo_inputs(), answer.json["outputs"], strict=True):
        assert back["datatype"] == sent["datatype"]
        assert back["shape"] == [1, 2]
        if sent["datatype"] == "FP32":
            assert back["data"] == pytest.approx(sent["data"], rel=1e-6)
        else:
            assert back["data"] == sent["data"]


def test_every_datatype_survives_binary_both_ways(caller: Caller) -> None:
    blobs, inputs = [], []
    for item in echo_inputs():
        if item["datatype"] == "BYTES":
            blob = b"".join(
                struct.pack("<I", len(raw)) + raw for raw in (b"\xff\x00 not text", b"")
            )
        else:
            blob = np.array(item.pop("data"), dtype=DTYPES[item["datatype"]]).tobytes()
        item.pop("data", None)
        inputs.append(item | {"parameters": {"binary_data_size": len(blob)}})
        blobs.append(blob)
    document = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    answer = caller.ask("POST", "/v2/models/echo/infer", *with_binary(document, *blobs))
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/octet-stream"
    assert list(binary_outputs(answer).values()) == blobs


def test_binary_and_json_mix_within_one_request_and_one_answer(caller: Caller) -> None:
    inputs = echo_inputs()
    raw = np.array([7, 8], dtype="<i4").tobytes()
    place = lab.NUMBERS.index("INT32")
    del inputs[place]["data"]
    inputs[place]["parameters"] = {"binary_data_size": len(raw)}
    outputs = [
        {"name": "out_INT32"},
        {"name": "out_BYTES", "parameters": {"binary_data": True}},
    ]
    body, headers = with_binary({"inputs": inputs, "outputs": outputs}, raw)
    answer = caller.ask("POST", "/v2/models/echo/infer", body, headers)
    size = int(answer.headers["inference-header-content-length"])
    first, second = json.loads(answer.body[:size])["outputs"]
    assert first["data"] == [7, 8]
    assert second["parameters"] == {"binary_data_size": len(answer.body) - size}
    assert strings(answer.body[size:]) == ["grün".encode(), b""]


def test_an_output_may_opt_out_of_binary(caller: Caller) -> None:
    document = {
        **SQUARES,
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "squares", "parameters": {"binary_data": False}}],
    }
    answer = caller.post("/v2/models/squares/infer", document)
    assert answer.json["outputs"][0]["data"] == [4.0, 9.0]
    assert "inference-header-content-length" not in answer.headers


RED, BLUE = (250, 0, 0), (0, 0, 250)


@pytest.mark.parametrize(
    "picture", [pictures.jpeg, pictures.png, pictures.webp], ids=lambda f: f.__name__
)
def test_pictures_as_bytes_and_as_base64(caller: Caller, picture: Any) -> None:
    files = [picture(RED), picture(BLUE)]
    blob = b"".join(struct.pack("<I", len(file)) + file for file in files)
    described = {"name": "image", "datatype": "BYTES", "shape": [2]}
    binary = described | {"parameters": {"binary_data_size": len(blob)}}
    as_bytes = caller.ask(
        "POST", "/v2/models/redness/infer", *with_binary({"inputs": [binary]}, blob)
    )
    coded = [base64.b64encode(file).decode() for file in files]
    as_text = caller.post("/v2/models/redness/infer", {"inputs": [described | {"data": coded}]})
    assert as_bytes.status == as_text.status == 200, (as_bytes.body, as_text.body)
    assert as_bytes.json["outputs"] == as_text.json["outputs"]
    by_name = {item["name"]: item for item in as_text.json["outputs"]}
    assert list(by_name) == ["probabilities", "label", "confidence"]
    assert by_name["label"]["data"] == ["red", "other"]
    assert by_name["probabilities"]["shape"] == [2, 2]
    assert by_name["confidence"]["data"] == pytest.approx([0.98, 1.0], abs=0.02)


def test_outputs_are_chosen_and_ordered_by_the_caller(caller: Caller) -> None:
    document = {
        "inputs": [tensor("image", "BYTES", [base64.b64encode(pictures.png(RED)).decode()])],
        "outputs": [{"name": "confidence"}, {"name": "label"}],
    }
    answer = caller.post("/v2/models/redness/infer", document)
    assert [item["name"] for item in answer.json["outputs"]] == ["confidence", "label"]


PLACES: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "path": ("/v2/models/squares/versions/v1/infer", {}, {}),
    "query": ("/v2/models/squares/infer?model_version=v1", {}, {}),
    "header": ("/v2/models/squares/infer", {}, {"x-model-version": "v1"}),
    "body": ("/v2/models/squares/infer", {"model_version": "v1"}, {}),
    "parameters": ("/v2/models/squares/infer", {"parameters": {"model_version": "v1"}}, {}),
    "fallback not needed": (
        "/v2/models/squares/infer?model_version=v1&fallback=true",
        {},
        {},
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_version_is_chosen_by(caller: Caller, place: str) -> None:
    path, more, headers = PLACES[place]
    answer = caller.post(path, SQUARES | more, headers)
    assert (answer.status, answer.headers["x-model-version"]) == (200, "v1")
    assert answer.json["model_version"] == "v1"


def test_an_unknown_version_is_404_or_the_default_if_the_caller_says_so(caller: Caller) -> None:
    refused = caller.post("/v2/models/squares/infer?model_version=v3", SQUARES)
    assert refused.status == 404
    assert refused.error == "unknown version 'v3' of model 'squares'; known: ['v1', 'v2', 'v10']"
    taken = caller.post("/v2/models/squares/infer?model_version=v3&fallback=true", SQUARES)
    assert (taken.status, taken.headers["x-model-version"]) == (200, "v10")
    assert taken.json["model_version"] == "v10"


def test_metadata_describes_the_signature_and_the_version(caller: Caller) -> None:
    document = caller.get("/v2/models/redness").json
    assert document["inputs"] == [
        {"name": "image", "datatype": "BYTES", "shape": [-1], "content": "image"}
    ]
    assert [item["name"] for item in document["outputs"]] == [
        "probabilities",
        "label",
        "confidence",
    ]
    assert document["labels"] == ["red", "other"]
    assert document["versions"] == ["v1"]
    assert document["fingerprint"].startswith("sha256:")


def test_metadata_of_a_version(caller: Caller) -> None:
    for path in ("/v2/models/squares/versions/v2", "/v2/models/squares?model_version=v2"):
        document = caller.get(path).json
        assert (document["version"], document["versions"]) == ("v2", ["v1", "v2", "v10"])
        assert document["labels"] == ["v2"]


def test_server_and_model_health(caller: Caller) -> None:
    assert caller.get("/health").json == {"status": "ok"}
    assert caller.get("/v2/health/live").json == {"live": True}
    assert caller.get("/v2/health/ready").json == {"ready": True}
    assert caller.get("/v2/models/squares/ready").json["ready"] is True
    assert caller.get("/v2/models/squares/versions/v1/ready").json["version"] == "v1"
    assert caller.get("/v2").json["extensions"] == ["binary_tensor_data", "model_repository"]
    assert "squares" in caller.get("/v2/models").json["models"]


def test_every_example_of_every_committed_version_is_answered(committed: PredictorProcess) -> None:
    answered = 0
    with committed.caller() as caller:
        for model in caller.get("/v2/models").json["models"]:
            for version in caller.get(f"/v2/models/{model}").json["versions"]:
                base = f"/v2/models/{model}/versions/{version}"
                for example in caller.get(f"{base}/examples").json["examples"]:
                    answer = caller.post(f"{base}/infer", example)
                    assert answer.status == 200, (model, version, answer.body)
                    assert answer.headers["x-model-revision"] == "models-00007"
                    assert answer.json["model_version"] == version
                    answered += 1
    assert answered >= 10
