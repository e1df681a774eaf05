"""Requests that cost little, for counting who answers."""

import json

from tests.e2e.support.load import Request

_ROW = [50, 1, 25, 90, 180, 100, 50, 4, 4.5, 90]


def diabetes(port: int, host: str, model: str = "diabetes") -> Request:
    """One row for the diabetes model, which computes it in a tenth of a millisecond."""
    tensor = {"name": "features", "datatype": "FP32", "shape": [1, len(_ROW)], "data": _ROW}
    body = json.dumps({"inputs": [tensor]}).encode()
    return Request(port, host, f"/v2/models/{model}/infer", body)


def sentiment(port: int, host: str, model: str = "sentiment") -> Request:
    """One sentence."""
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a quiet place"]}
    body = json.dumps({"inputs": [tensor]}).encode()
    return Request(port, host, f"/v2/models/{model}/infer", body)
