"""Clients that are not ours: Triton's over HTTP and gRPC, KServe's over both."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

from tests.integration.serving import pictures
from tests.integration.serving.process import PredictorProcess

ROWS = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
FILES = np.array([pictures.jpeg((250, 0, 0)), pictures.png((0, 0, 250))], dtype=np.object_)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_triton_http(laboratory: PredictorProcess, binary: bool) -> None:
    with tritonclient.http.InferenceServerClient(laboratory.address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("table")
        assert client.get_server_metadata()["name"] == "trellis"
        assert client.get_model_metadata("squares", "v1")["version"] == "v1"
        assert {"name": "table", "version": "v1", "state": "READY", "reason": ""} in (
            client.get_model_repository_index()
        )
        given = tritonclient.http.InferInput("numbers", [2, 3], "FP32")
        given.set_data_from_numpy(ROWS, binary_data=binary)
        wanted = tritonclient.http.InferRequestedOutput("squares", binary_data=binary)
        result = client.infer("table", [given], outputs=[wanted], request_id="7")
        assert result.get_response()["id"] == "7"
        np.testing.assert_array_equal(result.as_numpy("squares"), ROWS**2)


def test_triton_http_sends_pictures_and_gets_labels_as_bytes(laboratory: PredictorProcess) -> None:
    with tritonclient.http.InferenceServerClient(laboratory.address) as client:
        given = tritonclient.http.InferInput("image", [2], "BYTES")
        given.set_data_from_numpy(FILES)
        result = client.infer("redness", [given])
        assert result.as_numpy("label").tolist() == [b"red", b"other"]
        assert result.as_numpy("probabilities").shape == (2, 2)


def test_triton_http_reads_our_errors(laboratory: PredictorProcess) -> None:
    with tritonclient.http.InferenceServerClient(laboratory.address) as client:
        given = tritonclient.http.InferInput("numbers", [2, 3], "FP32")
        given.set_data_from_numpy(ROWS)
        with pytest.raises(
            tritonclient.utils.InferenceServerException, match="unknown model 'none'"
        ):
            client.infer("none", [given])


def test_triton_grpc(laboratory: PredictorProcess, tmp_path: Path) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.png"]
    for path, content in zip(files, FILES, strict=True):
        path.write_bytes(content)
    script = Path(__file__).with_name("triton_grpc_client.py")
    command = [sys.executable, str(script), laboratory.grpc_address, *map(str, files)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {
        "live": True,
        "ready": True,
        "model ready": True,
        "squares": [[1, 4, 9], [16, 25, 36]],
        "labels": ["red", "other"],
    }


def kserve_request(*, binary: bool) -> InferRequest:
    given = InferInput("numbers", [2, 3], "FP32")
    given.set_data_from_numpy(ROWS, binary_data=binary)
    return InferRequest("table", [given], request_id="9")


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
async def test_kserve_rest(laboratory: PredictorProcess, binary: bool) -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    url = f"http://{laboratory.address}"
    try:
        assert await client.is_server_live(url)
        assert await client.is_server_ready(url)
        assert await client.is_model_ready(url, "table")
        answer = await client.infer(url, kserve_request(binary=binary), model_name="table")
        assert answer.id == "9"
        np.testing.assert_array_equal(answer.outputs[0].as_numpy(), ROWS**2)
    finally:
        await client.close()


async def test_kserve_grpc(laboratory: PredictorProcess) -> None:
    client = InferenceGRPCClient(laboratory.grpc_address)
    try:
        assert await client.is_server_ready()
        assert await client.is_model_ready("table")
        answer = await client.infer(kserve_request(binary=True))
        np.testing.assert_array_equal(answer.outputs[0].as_numpy(), ROWS**2)
    finally:
        await client.close()
