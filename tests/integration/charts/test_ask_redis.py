"""The platform chart's two Redis as their pods start them, and what `helm test` asks of them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.ports import free_port
from tests.integration.serving.process import HOST, REPOSITORY
from tests.unit.charts.helm import PLATFORM, Helm, named
from tests.unit.manifests.conftest import tool

SCRIPT = REPOSITORY / "charts/trellis/files/ask_redis.py"


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tool("helm"), tmp_path_factory.mktemp("helm"))


@contextmanager
def running(arguments: list[str], folder: Path) -> Iterator[str]:
    """The address of a redis-server with these arguments, its data in ``folder``."""
    port = free_port()
    own = [str(folder) if argument == "/data" else argument for argument in arguments]
    command = [tool("redis-server"), *own, "--port", str(port), "--bind", HOST]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://{HOST}:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def ask(durable: str, cache: str) -> subprocess.CompletedProcess[str]:
    addresses = {"TRELLIS_REDIS_URL": durable, "TRELLIS_CACHE_REDIS_URL": cache}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.read_text()],
        env={**os.environ, **addresses},
        capture_output=True,
        text=True,
        check=False,
    )


def arguments(helm: Helm, kind: str, name: str) -> list[str]:
    rendered = named(helm.render(PLATFORM, release="trellis"), kind, name)
    (container,) = rendered["spec"]["template"]["spec"]["containers"]
    found: list[str] = container["args"]
    return found


def test_both_start_as_rendered_and_pass(helm: Helm, tmp_path: Path) -> None:
    durable = arguments(helm, "StatefulSet", "trellis-redis")
    cache = arguments(helm, "Deployment", "trellis-redis-cache")
    with running(durable, tmp_path) as first, running(cache, tmp_path) as second:
        done = ask(first, second)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "TRELLIS_REDIS_URL: answers, noeviction" in done.stdout
        assert "TRELLIS_CACHE_REDIS_URL: answers, allkeys-lru" in done.stdout
        # The durable one writes its log, since Redis 7 in a folder; the cache leaves nothing.
        (written,) = tmp_path.iterdir()
        assert written.name in {"appendonlydir", "appendonly.aof"}
        swapped = ask(second, first)
        assert swapped.returncode == 1
        assert "allkeys-lru; must be noeviction" in swapped.stdout


def test_a_password_is_given_and_a_wrong_one_told(tmp_path: Path) -> None:
    protected = ["--dir", "/data", "--save", "", "--maxmemory-policy", "noeviction"]
    with running([*protected, "--requirepass", "s3 cret"], tmp_path) as address:
        right, wrong = (address.replace("//", f"//:{word}@") for word in ("s3%20cret", "other"))
        done = ask(right, wrong)
        assert "TRELLIS_REDIS_URL: answers, noeviction" in done.stdout
        assert "WRONGPASS" in done.stdout
        assert done.returncode == 1


def test_nobody_at_the_address_fails_by_name() -> None:
    nowhere = f"redis://{HOST}:{free_port()}"
    done = ask(nowhere, nowhere)
    assert done.returncode == 1
    assert "TRELLIS_CACHE_REDIS_URL: ConnectionRefusedError" in done.stdout
