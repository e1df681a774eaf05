"""What an answer says, in one word, so that contestants can be held against each other."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

#: An answer's body to what it says.
Saying = Callable[[bytes], str]


def first_number(body: bytes) -> str:
    """The first number of the first V2 output."""
    return f"{orjson.loads(body)['outputs'][0]['data'][0]:.4f}"


def first_number_grpc(body: bytes) -> str:
    """The same of a gRPC answer, raw or typed."""
    answer = pb.ModelInferResponse.FromString(body)
    raw = answer.raw_output_contents
    numbers = np.frombuffer(raw[0], np.float32) if raw else answer.outputs[0].contents.fp32_contents
    return f"{numbers[0]:.4f}"


def v2_label(labels: Sequence[str]) -> Saying:
    """The label of the largest probability in the first V2 output, in JSON or binary."""

    def say(body: bytes) -> str:
        document: Any = orjson.loads(body)
        return labels[int(np.argmax(document["outputs"][0]["data"]))]

    return say


def v1_label(labels: Sequence[str]) -> Saying:
    """The label of the first V1 prediction, which names it or is the list of probabilities."""

    def say(body: bytes) -> str:
        prediction: Any = orjson.loads(body)["predictions"][0]
        if isinstance(prediction, dict):
            return str(prediction["label"])
        return labels[int(np.argmax(prediction))]

    return say


def loop_label(labels: Sequence[str]) -> Saying:
    """The label that a loop without a server found, in its line of figures."""

    def say(body: bytes) -> str:
        document: Any = orjson.loads(body)
        return labels[int(document["best"])]

    return say
