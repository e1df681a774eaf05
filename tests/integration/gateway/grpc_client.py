"""A V2 client over gRPC as others write it, in a process of its own.

tritonclient and kserve both register the protocol's messages, and one process can hold only one
of them. Arguments: address, model, version (may be empty). Prints what it learned as JSON.
"""

import json
import sys

import numpy as np
import tritonclient.grpc


def main(address: str, model: str, version: str) -> None:
    client = tritonclient.grpc.InferenceServerClient(address)
    tensor = tritonclient.grpc.InferInput("numbers", [3], "FP32")
    tensor.set_data_from_numpy(np.array([1, -2, 3.5], dtype=np.float32))
    answer = client.infer(model, [tensor], version)
    learned = {
        "server_ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model, version),
        "input": client.get_model_metadata(model, version).inputs[0].name,
        "squares": answer.as_numpy("squares").tolist(),
        "version": answer.get_response().model_version,
    }
    client.close()
    sys.stdout.write(json.dumps(learned))


if __name__ == "__main__":
    main(*sys.argv[1:])
