"""The same predictor class under KServe's own server, answering V1 and V2 over real sockets."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.ports import free_port
from tests.integration.serving import lab
from tests.integration.serving.process import HOST, REPOSITORY

SERVER = """
import sys
from pathlib import Path
import kserve
from tests.integration.serving.lab import TextLength
from predictors.squares import Squares
from trellis.serving.version_folder import VersionFolder

folder, port = Path(sys.argv[1]), int(sys.argv[2])
models = []
for name, kind in (("squares", Squares), ("length", TextLength)):
    model = kind(VersionFolder.open(folder / name / "v1"))
    model.load()
    model.ready = True
    models.append(model)
kserve.ModelServer(http_port=port, enable_grpc=False, workers=1).start(models)
"""
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    folder = tmp_path_factory.mktemp("stock")
    lab.write_squares(folder / "squares" / "v1")
    lab.write_version(
        folder / "length" / "v1",
        predictor="TextLength",
        inputs=[("text", "BYTES", [-1], "text")],
        outputs=[("length", "INT64", [-1])],
        example=[lab.tensor("text", "BYTES", ["four"])],
    )
    port, log = free_port(), folder / "log"

    def ask(path: str, document: Any = None) -> tuple[int, Any]:
        body = None if document is None else json.dumps(document).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://{HOST}:{port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    with log.open("wb") as output:
        command = [sys.executable, "-c", SERVER, str(folder), str(port)]
        child = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output)
    try:
        until = time.monotonic() + 60
        while True:
            assert child.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            try:
                if ask("/v2/health/ready")[0] == 200:
                    break
            except OSError:
                time.sleep(0.05)
        yield ask
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(5)


def test_v1(ask: Ask) -> None:
    assert ask("/v1/models/squares:predict", {"instances": [2, -3]}) == (
        200,
        {"predictions": [4.0, 9.0]},
    )
    assert ask("/v1/models/length:predict", {"instances": ["grün"]})[1] == {"predictions": [4]}


def test_v2(ask: Ask) -> None:
    given = {"inputs": [lab.tensor("numbers", "FP32", [2.0, 3.0])], "id": "7"}
    status, answer = ask("/v2/models/squares/infer", given)
    assert status == 200
    assert (answer["id"], answer["model_name"]) == ("7", "squares")
    (output,) = answer["outputs"]
    assert (output["name"], output["data"]) == ("squares", [4.0, 9.0])
    text = {"inputs": [lab.tensor("text", "BYTES", ["a", "grün"])]}
    status, answer = ask("/v2/models/length/infer", text)
    assert status == 200, answer
    assert answer["outputs"][0]["data"] == [1, 4]


def test_metadata(ask: Ask) -> None:
    status, answer = ask("/v2/models/squares")
    assert status == 200
    assert answer["inputs"] == [{"name": "numbers", "datatype": "FP32", "shape": [-1]}]


@pytest.mark.parametrize(
    ("path", "document", "words"),
    [
        ("/v1/models/squares:predict", {"instances": ["two"]}, "value 0 is 'two'"),
        (
            "/v2/models/squares/infer",
            {"inputs": [lab.tensor("colour", "FP32", [1.0])]},
            "unknown input 'colour'",
        ),
        (
            "/v2/models/squares/infer",
            {"inputs": [lab.tensor("numbers", "INT64", [1])]},
            "datatype is 'INT64', expected 'FP32'",
        ),
    ],
)
def test_a_bad_request_is_400_with_our_words(
    ask: Ask, path: str, document: Any, words: str
) -> None:
    status, answer = ask(path, document)
    assert status == 400
    assert words in answer["error"]
