"""The V2 repository extension, and versions that come and go in memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

from tests.integration.serving import calls, lab
from tests.integration.serving.process import PredictorProcess

VERSIONS = ("v1", "v2", "v3", "v4")


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictorProcess]:
    """Two versions of one model, all loaded."""
    folder = tmp_path_factory.mktemp("repository")
    for version in ("v1", "v2"):
        lab.write_squares(folder / "models" / "squares" / version)
    lab.write_squares(folder / "models" / "cubes" / "v1")
    with PredictorProcess(folder / "models", log=folder / "log") as process:
        yield process


def states(process: PredictorProcess, *, ready: bool = False) -> dict[str, str]:
    with process.caller() as caller:
        body = {"ready": True} if ready else {}
        rows = caller.post("/v2/repository/index", body).json
    return {f"{row['name']}/{row['version']}": row["state"] for row in rows}


def predict(process: PredictorProcess, version: str) -> int:
    with process.caller() as caller:
        path = f"/v1/models/squares/versions/{version}:predict"
        return caller.post(path, {"instances": [2.0]}).status


def test_index_lists_every_version(squares: PredictorProcess) -> None:
    assert states(squares) == {"cubes/v1": "READY", "squares/v1": "READY", "squares/v2": "READY"}
    with squares.caller() as caller:
        assert len(caller.ask("POST", "/v2/repository/index").json) == 3


def test_unload_and_load_one_version(squares: PredictorProcess) -> None:
    with squares.caller() as caller:
        one = {"parameters": {"model_version": "v1"}}
        answer = caller.post("/v2/repository/models/squares/unload", one)
        assert answer.json == {"name": "squares", "unload": True}
        assert states(squares)["squares/v1"] == "UNAVAILABLE"
        assert states(squares, ready=True) == {"cubes/v1": "READY", "squares/v2": "READY"}
        assert caller.get("/v2/models/squares/versions/v1/ready").status == 503
        refused = caller.post("/v1/models/squares/versions/v1:predict", {"instances": [2.0]})
        assert (refused.status, refused.error) == (
            503,
            "version 'v1' of model 'squares' is unloaded",
        )
        assert refused.headers["retry-after"] == "1"
        assert predict(squares, "v2") == 200
        assert caller.post("/v2/repository/models/squares/load", one).json["load"] is True
        assert predict(squares, "v1") == 200


def test_unload_and_load_a_whole_model_over_grpc(squares: PredictorProcess) -> None:
    with calls.channel(squares.grpc_address) as channel:
        unload = pb.RepositoryModelUnloadRequest(model_name="squares")
        calls.call(channel, "RepositoryModelUnload", unload, pb.RepositoryModelUnloadResponse)
        assert states(squares, ready=True) == {"cubes/v1": "READY"}
        message = calls.request("squares", calls.tensor("numbers", "FP32", (1,), fp32_contents=[2]))
        with pytest.raises(grpc.RpcError) as caught:
            calls.infer(channel, message)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        load = pb.RepositoryModelLoadRequest(model_name="squares")
        answer = calls.call(channel, "RepositoryModelLoad", load, pb.RepositoryModelLoadResponse)
        assert answer.isLoaded
        assert calls.infer(channel, message).model_version == "v2"


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_an_unknown_model_or_version_is_404(squares: PredictorProcess, verb: str) -> None:
    with squares.caller() as caller:
        unknown = caller.post(f"/v2/repository/models/none/{verb}", {})
        assert (unknown.status, "unknown model 'none'" in unknown.error) == (404, True)
        version = {"parameters": {"model_version": "v9"}}
        unknown = caller.post(f"/v2/repository/models/squares/{verb}", version)
        assert (unknown.status, "unknown version 'v9'" in unknown.error) == (404, True)


def test_a_file_that_changes_refuses_to_load_again_and_says_why(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "models" / "squares" / "v1", files={"w.bin": b"one"})
    lab.write_squares(tmp_path / "models" / "cubes" / "v1")
    with (
        PredictorProcess(tmp_path / "models", log=tmp_path / "log") as process,
        process.caller() as caller,
    ):
        caller.post("/v2/repository/models/squares/unload", {})
        (folder / "w.bin").write_bytes(b"two")
        refused = caller.post("/v2/repository/models/squares/load", {})
        assert refused.status == 503
        rows = {row["name"]: row for row in caller.post("/v2/repository/index", {}).json}
        assert "file 'w.bin' has sha256" in rows["squares"]["reason"]
        assert str(tmp_path) not in rows["squares"]["reason"]
        assert caller.get("/health").status == 200
        assert caller.post("/v1/models/cubes:predict", {"instances": [2]}).status == 200
        (folder / "w.bin").write_bytes(b"one")
        assert caller.post("/v2/repository/models/squares/load", {}).status == 200
        assert predict(process, "v1") == 200


@pytest.mark.parametrize("most", [1, 2])
def test_lazy_versions_share_few_places_under_concurrent_requests(
    tmp_path: Path, most: int
) -> None:
    """Every request is answered by the version it asked for, and memory holds at most ``most``."""
    for version in VERSIONS:
        lab.write_slow_to_load(tmp_path / "models" / "slow" / version)
    settings = ("--loading", "lazy", "--max_loaded_versions", most)
    process = PredictorProcess(
        tmp_path / "models", *settings, log=tmp_path / "log", environment=lab.ENVIRONMENT
    )

    def ask(number: int) -> tuple[str, int, int]:
        version = VERSIONS[number % len(VERSIONS)]
        with process.caller() as caller:
            path = f"/v2/models/slow/versions/{version}/infer"
            answer = caller.post(path, {"inputs": [lab.tensor("numbers", "FP32", [1.0])]})
        assert answer.status == 200, answer.body
        own, alive = (item["data"][0] for item in answer.json["outputs"])
        return version, own, alive

    with process, ThreadPoolExecutor(16) as pool:
        with process.caller() as caller:
            assert caller.get("/v2/models/slow/ready").status == 200
            assert caller.post("/v2/repository/index", {"ready": True}).json == []
        answers = list(pool.map(ask, range(48)))
        assert len(states(process, ready=True)) <= most
    assert all(version == f"v{own}" for version, own, _ in answers)
    assert max(alive for _, _, alive in answers) <= most


def test_one_load_serves_all_who_wait_for_it(tmp_path: Path) -> None:
    lab.write_slow_to_load(tmp_path / "slow" / "v1")
    process = PredictorProcess(
        tmp_path / "slow",
        *("--loading", "lazy"),
        log=tmp_path / "log",
        environment=lab.ENVIRONMENT,
    )
    with process, ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda _: status_of_slow(process), range(12))) == [200] * 12
    assert process.log.count("version loaded") == 1


def status_of_slow(process: PredictorProcess) -> int:
    with process.caller() as caller:
        return caller.post("/v1/models/slow:predict", {"instances": [1.0]}).status
