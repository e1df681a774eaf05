"""compose.yaml: the images on one machine, without Kubernetes."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpc_client

from scripts.cluster import built, releases, way
from scripts.cluster.preflight import engine
from scripts.cluster.settings import from_environment
from scripts.images.check import first_example
from scripts.images.docker import docker
from scripts.images.targets import ROOT, named
from tests.integration.serving.process import PredictorProcess
from trellis.local.ports import free_ports

MODELS = ("cifar10", "diabetes", "sentiment", "tomato")

Compose = Callable[..., str]

pytestmark = pytest.mark.usefixtures("compose")


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    http, grpc = free_ports(2)
    return http, grpc


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the file mounts, since a test edits it."""
    found = tmp_path_factory.mktemp("compose")
    shutil.copy(ROOT / "compose.yaml", found)
    shutil.copytree(ROOT / "compose", found / "compose")
    (found / "models").symlink_to(ROOT / "models")
    found.chmod(0o755)
    return found


@pytest.fixture(scope="module")
def redis_image() -> str:
    """The image of Redis: the official one where the engine can pull it, else the one that is built."""
    settings, found = from_environment(os.environ), engine()
    if way.choose(settings, found.registry)[0] == "pull":
        return releases.images()["redis"]
    supply = built.supply(settings.cache, ("redis",), print)
    docker("load", "--quiet", "--input", str(supply.archives[supply.redis]))
    return supply.redis


@pytest.fixture(scope="module")
def compose(folder: Path, ports: tuple[int, int], redis_image: str) -> Iterator[Compose]:
    """`docker compose` over the running services."""
    environment = {
        **os.environ,
        "TRELLIS_REDIS_IMAGE": redis_image,
        "TRELLIS_HTTP_PORT": str(ports[0]),
        "TRELLIS_GRPC_PORT": str(ports[1]),
    }

    def call(*arguments: str) -> str:
        done = subprocess.run(
            ["docker", "compose", "--project-name=trellis-e2e", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    try:
        call("up", "--detach", "--no-build", "--wait", "--wait-timeout=120")
        yield call
    finally:
        call("down", "--timeout=5", "--volumes")


@pytest.fixture
def ask(ports: tuple[int, int]) -> Callable[..., Any]:
    """Posts a JSON body to the gateway and gives its answer, headers included."""

    def call(
        path: str, body: object, headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[dict[str, Any], dict[str, str]]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{ports[0]}{path}",
            json.dumps(body).encode(),
            {"content-type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer), dict(answer.headers)

    return call


def outputs(answer: dict[str, Any]) -> dict[str, Any]:
    """Data by the name of the output."""
    return {out["name"]: out["data"] for out in answer["outputs"]}


@pytest.mark.parametrize("model", MODELS)
def test_each_model_answers_through_the_gateway_as_it_does_here(
    ask: Callable[..., Any], local: PredictorProcess, model: str
) -> None:
    example = first_example(ROOT / f"models/{model}/v1/model.yaml")
    answer, _ = ask(f"/v2/models/{model}/infer", example)
    with local.caller() as caller:
        here = caller.post(f"/v2/models/{model}/versions/v1/infer", example).json
    assert outputs(answer)["label"] == outputs(here)["label"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_each_version_of_the_tomato_is_there(ask: Callable[..., Any], version: str) -> None:
    example = first_example(ROOT / "models/tomato/v1/model.yaml")
    answer, headers = ask(f"/v2/models/tomato/versions/{version}/infer", example)
    assert answer["model_version"] == version
    assert headers["x-model-revision"] == f"tomato-{version}"


def test_grpc_comes_through(ports: tuple[int, int]) -> None:
    features = np.array([[50, 1, 25, 90, 180, 100, 50, 4, 4.5, 90]], dtype=np.float32)
    tensor = grpc_client.InferInput("features", [1, 10], "FP32")
    tensor.set_data_from_numpy(features)
    with grpc_client.InferenceServerClient(f"127.0.0.1:{ports[1]}") as client:
        answer = client.infer("diabetes", [tensor])
    assert answer.as_numpy("label").tolist() in ([b"low"], [b"high"])


def test_an_edited_table_moves_the_units_without_a_restart(
    ask: Callable[..., Any], folder: Path
) -> None:
    example = first_example(ROOT / "models/tomato/v1/model.yaml")
    path = folder / "compose/routing-table.json"
    table = json.loads(path.read_text("utf-8"))
    stable, canary = table["models"]["tomato"]["arms"]
    stable["intervals"], canary["intervals"] = [], [[0, 1]]
    table["version"] += 1
    path.write_text(json.dumps(table))
    # Who asks for no version is not told which it was; the second one answers otherwise.
    told = [ask(f"/v2/models/tomato/versions/{name}/infer", example)[0] for name in ("v1", "v2")]
    first, second = (round(outputs(answer)["confidence"][0], 4) for answer in told)
    assert first != second
    until = time.monotonic() + 30
    found: set[float] = set()
    while found != {second}:
        assert time.monotonic() < until, f"after 30 s units still get {found}"
        answers = [ask("/v2/models/tomato/infer", example)[0] for _ in range(20)]
        found = {round(outputs(answer)["confidence"][0], 4) for answer in answers}


def test_an_accepted_job_outlives_every_process(
    ask: Callable[..., Any], compose: Compose, ports: tuple[int, int]
) -> None:
    example = first_example(ROOT / "models/diabetes/v1/model.yaml")
    compose("stop", "worker")
    told, _ = ask("/v2/models/diabetes/infer", example, {"prefer": "respond-async"})
    compose("kill", "redis", "gateway")
    compose("up", "--detach", "--no-build", "--wait", "--wait-timeout=120")
    address = f"http://127.0.0.1:{ports[0]}/jobs/{told['id']}"
    request = urllib.request.Request(address, headers={"prefer": "wait=60"})
    with urllib.request.urlopen(request, timeout=90) as answer:
        assert json.load(answer)["state"] == "succeeded"


def test_both_pages_are_there(ports: tuple[int, int]) -> None:
    for path in ("/", "/dashboard"):
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}{path}", timeout=30) as answer:
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/html")


def test_the_containers_run_restricted(compose: Compose, redis_image: str) -> None:
    names = compose("ps", "--quiet").split()
    assert len(names) == 9
    for name in names:
        told = json.loads(
            subprocess.run(["docker", "inspect", name], capture_output=True, check=True).stdout
        )[0]
        assert told["HostConfig"]["ReadonlyRootfs"] is True
        assert told["HostConfig"]["CapDrop"] == ["ALL"]
        if told["Config"]["Image"] != redis_image:
            assert told["Config"]["User"] == "65532:65532"
            assert told["Config"]["Image"] in {target.image for target in named([])}
