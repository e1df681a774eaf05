import os
from pathlib import Path

import pytest

from trellis.local import redis, redis_program
from trellis.local.redis import check_data
from trellis.local.state import StateError, StateFolder


def program(folder: Path, version: str) -> Path:
    """A redis-server that says its version, first on the PATH of who asks."""
    file = folder / "redis-server"
    file.write_text(f"#!/bin/sh\necho Redis server v={version} sha=00000000:0 bits=64\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    (tmp_path / "state").mkdir()
    return StateFolder(tmp_path / "state")


def test_the_one_on_the_path_is_taken_unless_it_is_too_old(path: Path) -> None:
    taken = program(path, "7.2.4")
    assert redis_program.redis_server_program() == taken
    program(path, "6.0.16")
    assert redis_program.redis_server_program() == redis_program.packaged_redis_server()


def test_the_wheels_own_says_its_version() -> None:
    assert redis_program.version_of(redis_program.packaged_redis_server())[:2] == (6, 2)


def test_what_cannot_be_read_has_no_version(path: Path) -> None:
    assert redis_program.version_of(path / "missing") == ()
    assert redis_program.version_of(program(path, "seven")) == ()


def test_an_older_redis_does_not_start_on_newer_data(path: Path, state: StateFolder) -> None:
    program(path, "7.0.15")
    check_data(state)
    program(path, "7.0.11")  # another patch reads the same
    check_data(state)
    program(path, "6.2.14")
    with pytest.raises(StateError, match=r"were written by Redis 7\.0\.11, and .* is older"):
        check_data(state)
    program(path, "7.2.0")
    check_data(state)


def test_sockets_are_short_and_go() -> None:
    sockets = redis.RedisSockets()
    socket = sockets.path("redis")
    assert len(str(socket)) < 100
    assert sockets.url("redis") == f"unix://{socket}?db=0"
    sockets.close()
    assert not socket.parent.exists()
