"""Triton's gRPC client, in a process of its own: its messages have the names of KServe's."""

import json
import sys
from pathlib import Path

import numpy as np
import tritonclient.grpc


def main(address: str, *pictures: str) -> None:
    """Print what came back as JSON."""
    rows = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
    with tritonclient.grpc.InferenceServerClient(address) as client:
        numbers = tritonclient.grpc.InferInput("numbers", [2, 3], "FP32")
        numbers.set_data_from_numpy(rows)
        squares = client.infer("table", [numbers]).as_numpy("squares")
        image = tritonclient.grpc.InferInput("image", [len(pictures)], "BYTES")
        files = [Path(picture).read_bytes() for picture in pictures]
        image.set_data_from_numpy(np.array(files, dtype=np.object_))
        labels = client.infer("redness", [image], model_version="v1").as_numpy("label")
        found = {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model ready": client.is_model_ready("table"),
            "squares": squares.tolist(),
            "labels": [label.decode() for label in labels],
        }
    print(json.dumps(found))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
