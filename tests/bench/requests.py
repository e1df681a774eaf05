"""The requests that contestants answer, and how one is sent once."""

import http.client
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import orjson
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from numpy.typing import NDArray

GRPC_PATH = "/inference.GRPCInferenceService/ModelInfer"


@dataclass(frozen=True)
class Http:
    """A POST: path, body, and headers beside the length."""

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    def once(self, port: int) -> bytes:
        """The answer's body; raises ``ValueError`` unless its status is 200."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            connection.request("POST", self.path, self.body, dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(f"POST {self.path}: {answer.status} {body[:300]!r}")
        return body

    @property
    def whole(self) -> bytes:
        """Head and body as they go over the wire."""
        head = [f"POST {self.path} HTTP/1.1", "host: localhost"]
        head += [f"{name}: {value}" for name, value in self.headers]
        head.append(f"content-length: {len(self.body)}")
        return "\r\n".join((*head, "", "")).encode() + self.body


@dataclass(frozen=True)
class Grpc:
    """A unary V2 inference."""

    message: bytes

    def once(self, port: int) -> bytes:
        """The serialised answer; raises ``grpc.RpcError``."""
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.unary_unary(GRPC_PATH)
            answer: bytes = call(self.message, timeout=60)
        return answer


def v2_json(model: str, name: str, datatype: str, shape: list[int], data: list[Any]) -> Http:
    """V2 JSON with one input."""
    tensor = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    return Http(f"/v2/models/{model}/infer", orjson.dumps({"inputs": [tensor]}))


def v2_binary(model: str, name: str, array: NDArray[np.float32]) -> Http:
    """V2 with the binary extension and one FP32 input."""
    raw = array.tobytes()
    tensor = {
        "name": name,
        "datatype": "FP32",
        "shape": list(array.shape),
        "parameters": {"binary_data_size": len(raw)},
    }
    head = orjson.dumps({"inputs": [tensor]})
    headers = (
        ("content-type", "application/octet-stream"),
        ("inference-header-content-length", str(len(head))),
    )
    return Http(f"/v2/models/{model}/infer", head + raw, headers)


def v2_grpc(model: str, name: str, array: NDArray[np.float32]) -> Grpc:
    """gRPC with one FP32 input, raw."""
    tensor = pb.ModelInferRequest.InferInputTensor(
        name=name, datatype="FP32", shape=list(array.shape)
    )
    request = pb.ModelInferRequest(
        model_name=model, inputs=[tensor], raw_input_contents=[array.tobytes()]
    )
    return Grpc(request.SerializeToString())
