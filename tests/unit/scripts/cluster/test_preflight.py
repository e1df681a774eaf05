import socket
from pathlib import Path

import pytest

from scripts.cluster import preflight
from scripts.cluster.errors import ClusterError
from scripts.cluster.settings import Settings


def program(folder: Path, body: str) -> None:
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_no_docker_program_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="no program `docker`") as caught:
        preflight.engine()
    assert "scripts/cluster/engine.sh" in caught.value.remedy
    assert "docs.docker.com" in caught.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        "echo 'Cannot connect to the Docker daemon' >&2; exit 1",
        """echo '{"ServerErrors": ["Cannot connect to the Docker daemon"]}'""",
    ],
    ids=["fails", "tells of errors"],
)
def test_an_engine_that_does_not_answer_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    program(tmp_path, body)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ClusterError, match="Cannot connect to the Docker daemon") as caught:
        preflight.engine()
    assert "scripts/cluster/engine.sh" in caught.value.remedy


def test_an_engine_that_answers_says_where_it_keeps_and_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = '{"ServerVersion": "28.5", "IndexServerAddress": "https://i/v1/", "DockerRootDir": "/d"}'
    program(tmp_path, f"echo '{told}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    engine = preflight.engine()
    assert (engine.version, engine.registry, str(engine.folder)) == ("28.5", "https://i/v1/", "/d")


def test_too_little_disk_names_the_folder_and_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as caught:
        preflight.check_disk(tmp_path / "not" / "made" / "yet", needed_gb=1e9)
    assert str(tmp_path / "not" / "made" / "yet") in caught.value.problem
    assert "1000000000 GB" in caught.value.problem
    assert "TRELLIS_CLUSTER_CACHE" in caught.value.remedy


def test_enough_disk_is_no_news(tmp_path: Path) -> None:
    preflight.check_disk(tmp_path, needed_gb=0)


@pytest.mark.parametrize("which", ["http_port", "https_port"])
def test_a_port_that_is_taken_is_named_with_its_variable(which: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        values = {"http_port": 0, "https_port": 0, which: port}
        with pytest.raises(ClusterError) as caught:
            preflight.check_ports(Settings(**values))
    assert str(port) in caught.value.problem
    assert f"TRELLIS_CLUSTER_{which.upper()}=" in caught.value.remedy


def test_free_ports_are_no_news() -> None:
    preflight.check_ports(Settings(http_port=0, https_port=0))
