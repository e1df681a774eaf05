"""What `helm test` asks of a gateway, asked of a real one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.gateway.processes import Process, wait_for
from tests.integration.ports import free_port
from tests.integration.serving.process import REPOSITORY
from tests.unit.charts.helm import PLATFORM, Helm, named
from tests.unit.manifests.conftest import tool

SCRIPT = REPOSITORY / "charts/trellis/files/ask_gateway.py"
KEY = "k" * 43
ROUTES = [{"model": "tomato", "arms": [{"version": "v1"}]}]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The routing table that the chart writes."""
    helm = Helm(tool("helm"), tmp_path_factory.mktemp("helm"))
    rendered = helm.render(PLATFORM, {"gateway": {"routes": ROUTES}})
    file = tmp_path_factory.mktemp("table") / "routing-table.json"
    data = named(rendered, "ConfigMap", "trellis-routing-table")["data"]
    file.write_text(data["routing-table.json"])
    return file


@contextmanager
def running(table: Path, folder: Path, *flags: str) -> Iterator[str]:
    """The address of a gateway with this table and flags."""
    port = free_port()
    command = [
        sys.executable, "-m", "trellis.gateway", f"--routing_table_file={table}",
        f"--http_port={port}", f"--grpc_port={free_port()}", f"--metrics_port={free_port()}",
        "--host=127.0.0.1", *flags,
    ]  # fmt: skip
    process = Process(command, folder / "gateway.log", {"TRELLIS_ADMIN_KEY": KEY})
    process.start()
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/health/live", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


@pytest.fixture(scope="module", params=["keys", "open"])
def gateway(
    request: pytest.FixtureRequest, table: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Address and mode of a gateway."""
    with running(table, tmp_path_factory.mktemp("gateway"), f"--auth={request.param}") as address:
        yield address, request.param


def ask(*arguments: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.read_text(), *arguments],
        env={**os.environ, "TRELLIS_ADMIN_KEY": key},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_gateway_as_the_chart_sets_it_passes(gateway: tuple[str, str]) -> None:
    told = ask(*gateway, "tomato")
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"ready, auth is {gateway[1]}, knows tomato" in told.stdout


def test_without_a_key_the_rest_is_asked(gateway: tuple[str, str]) -> None:
    assert ask(*gateway, key="").returncode == 0


def test_the_other_mode_is_noticed(gateway: tuple[str, str]) -> None:
    address, auth = gateway
    other = {"keys": "open", "open": "keys"}[auth]
    told = ask(address, other, "tomato")
    assert told.returncode == 1
    assert f"though auth is {other}" in told.stdout


def test_a_model_that_it_does_not_know_is_named(gateway: tuple[str, str]) -> None:
    told = ask(*gateway, "tomato", "potato")
    assert told.returncode == 1
    assert "lacks potato" in told.stdout


def test_a_gateway_without_a_table_is_not_ready(tmp_path: Path) -> None:
    with running(tmp_path / "none.json", tmp_path) as address:
        told = ask(address, "open")
    assert told.returncode == 1
    assert "/health answers 503" in told.stdout


def test_one_that_is_not_there_is_told() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    told = ask(address, "keys")
    assert told.returncode == 1
    assert f"{address} does not answer" in told.stdout
    assert not told.stderr
