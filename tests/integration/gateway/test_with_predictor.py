"""The gateway before the real predictor: V2 clients over REST and gRPC, and a kill under load."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import grpc
import numpy as np
import pytest
import tritonclient.http
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.integration.gateway.processes import (
    REPOSITORY,
    Gateway,
    Process,
    post_json,
    table_of,
    wait_for,
)
from tests.integration.ports import free_port


class Predictor(Process):
    """One version of ``squares`` as a revision of its own."""

    def __init__(self, folder: Path) -> None:
        self.http_port, self.grpc_port = free_port(), free_port()
        version = str(REPOSITORY / "models" / "squares" / "v1")
        ports = [f"--http_port={self.http_port}", f"--grpc_port={self.grpc_port}"]
        super().__init__(
            [sys.executable, "-m", "trellis.serving", version, *ports],
            folder / "predictor.log",
            {"K_REVISION": "squares-00001"},
        )

    def up(self) -> None:
        self.start()
        wait_for(f"http://127.0.0.1:{self.http_port}/health", self)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    process = Predictor(tmp_path_factory.mktemp("predictor"))
    process.up()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def gateway(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The model under its own name, and under another that the gateway rewrites."""
    arm = {
        "url": f"http://127.0.0.1:{predictor.http_port}",
        "grpcAddress": f"127.0.0.1:{predictor.grpc_port}",
        "model": "squares",
        "version": "v1",
        "revision": "squares-00001",
        "intervals": [[0, 1]],
    }
    folder = tmp_path_factory.mktemp("gateway")
    running = Gateway(folder, table_of({"squares": [arm], "numbers": [arm]}))
    running.up()
    yield running
    assert running.stop() == 0


NUMBERS = np.array([1, -2, 3.5], dtype=np.float32)


@pytest.mark.parametrize("model", ["squares", "numbers"])
@pytest.mark.parametrize("version", ["", "v1"])
@pytest.mark.parametrize("binary", [True, False])
def test_a_v2_client_over_rest(gateway: Gateway, model: str, version: str, *, binary: bool) -> None:
    client = tritonclient.http.InferenceServerClient(f"127.0.0.1:{gateway.http_port}")
    tensor = tritonclient.http.InferInput("numbers", [3], "FP32")
    tensor.set_data_from_numpy(NUMBERS, binary_data=binary)
    wanted = tritonclient.http.InferRequestedOutput("squares", binary_data=binary)
    assert client.is_server_live()
    assert client.is_model_ready(model, version)
    assert client.get_model_metadata(model, version)["inputs"][0]["name"] == "numbers"
    answer = client.infer(model, [tensor], version, outputs=[wanted])
    assert answer.as_numpy("squares").tolist() == (NUMBERS**2).tolist()
    # Who did not ask for a version is not told which one served.
    assert answer.get_response().get("model_version", "") == version
    assert answer.get_response()["model_name"] == ("squares" if version else model)
    client.close()


@pytest.mark.parametrize("model", ["squares", "numbers"])
@pytest.mark.parametrize("version", ["", "v1"])
def test_a_v2_client_over_grpc(gateway: Gateway, model: str, version: str) -> None:
    script = str(Path(__file__).with_name("grpc_client.py"))
    address = f"127.0.0.1:{gateway.grpc_port}"
    child = subprocess.run(
        [sys.executable, script, address, model, version],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == {
        "server_ready": True,
        "model_ready": True,
        "input": "numbers",
        "squares": (NUMBERS**2).tolist(),
        "version": version,
    }


def test_reflection_names_the_predictors_services(gateway: Gateway) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert "inference.GRPCInferenceService" in services


def test_v1_and_predict(gateway: Gateway) -> None:
    status, _, body = post_json(f"{gateway.url}/v1/models/numbers:predict", {"instances": [2, 3]})
    assert (status, json.loads(body)["predictions"]) == (200, [4, 9])
    status, _, body = post_json(f"{gateway.url}/predict/squares", {"numbers": [2, 3]})
    assert (status, json.loads(body)["outputs"]) == (200, {"squares": [4, 9]})


def test_the_predictors_refusals_pass_in_its_words(gateway: Gateway) -> None:
    bad = {"inputs": [{"name": "numbers", "datatype": "FP32", "shape": [2], "data": [1]}]}
    status, headers, body = post_json(f"{gateway.url}/v2/models/squares/infer", bad)
    assert 400 <= status < 500
    assert "numbers" in json.loads(body)["error"]
    assert "x-model-version" not in headers


async def test_a_predictor_killed_under_load_costs_only_what_was_inside(
    gateway: Gateway, predictor: Predictor
) -> None:
    codes: Counter[int] = Counter()
    stop = asyncio.Event()
    callers = 16
    body = {"inputs": [{"name": "numbers", "datatype": "FP32", "shape": [1], "data": [2]}]}

    async def caller(session: aiohttp.ClientSession) -> None:
        while not stop.is_set():
            async with session.post(f"{gateway.url}/v2/models/squares/infer", json=body) as answer:
                await answer.read()
                codes[answer.status] += 1

    async with aiohttp.ClientSession() as session:
        load = asyncio.gather(*(caller(session) for _ in range(callers)))
        await asyncio.sleep(0.8)
        await asyncio.to_thread(predictor.stop, signal.SIGKILL)
        await asyncio.to_thread(predictor.up)
        await asyncio.sleep(0.5)
        stop.set()
        await load
    assert codes.keys() <= {200, 502}
    assert codes[200] > callers
    # A process that dies closes one connection after the other, so a caller whose request was taken
    # may send its next one into it too: at most two each.
    assert codes[502] <= 2 * callers


@pytest.mark.parametrize("path", ["/v1/models/numbers:predict", "/v2/models/numbers/infer"])
def test_a_version_in_a_body_is_refused(gateway: Gateway, path: str) -> None:
    tensor = {"name": "numbers", "datatype": "FP32", "shape": [1], "data": [2]}
    body = {"instances": [2]} if path.startswith("/v1") else {"inputs": [tensor]}
    status, _, answer = post_json(gateway.url + path, {**body, "model_version": "v1"})
    assert status == 422
    assert json.loads(answer)["error"].startswith("model_version: 'v1' came in the body")


def test_nobody_answers_as_they_like(gateway: Gateway) -> None:
    tensor = {"name": "numbers", "datatype": "FP32", "shape": [1], "data": [2]}
    for headers in ({"x-answer-as": "<b>"}, {"x-answer-as": "<b>", "connection": "x-answer-as"}):
        _, _, body = post_json(
            f"{gateway.url}/v2/models/numbers/infer", {"inputs": [tensor]}, headers
        )
        answer = json.loads(body)
        assert (answer["model_name"], "model_version" in answer) == ("numbers", False)
