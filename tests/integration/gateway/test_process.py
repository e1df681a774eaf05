"""The process itself: how it starts, what it weighs, how it refuses settings."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.processes import Gateway, get, post_json
from tests.integration.ports import free_port

#: The design's bound for a gateway at rest, in MB.
MOST_MEGABYTES = 120


def test_it_rests_small_after_work(gateway: Gateway) -> None:
    for _ in range(200):
        assert post_json(f"{gateway.url}/predict/sentiment", {"text": "hi"})[0] == 200
    for path in ("/", "/docs", "/docs/swagger-ui-bundle.js", "/openapi.json"):
        assert get(gateway.url + path)[0] == 200
    status = Path(f"/proc/{gateway.pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    assert int(resident[1]) / 1024 < MOST_MEGABYTES


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "one of routing_table_url and routing_table_file must be set"),
        (["--routing_table_file=t", "--http_port=99999"], "http_port: "),
        (["--routing_table_file=t", "--cookie_secret=short"], "cookie_secret: "),
        (["--no_such_flag=1"], "no_such_flag"),
    ],
)
def test_a_setting_that_does_not_fit_ends_it_with_a_sentence(
    tmp_path: Path, flags: list[str], sentence: str
) -> None:
    repository = str(Path(__file__).parents[3])
    child = subprocess.run(
        [sys.executable, "-m", "trellis.gateway", *flags],
        cwd=tmp_path,
        env={"PYTHONPATH": repository},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == 2
    assert sentence in child.stderr
    assert "Traceback" not in child.stderr
    assert "short" not in child.stderr.replace("too_short", "")


@pytest.mark.parametrize("which", ["http_port", "grpc_port", "metrics_port"])
def test_a_port_in_use_ends_it_with_a_sentence(tmp_path: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {name: free_port() for name in ("http_port", "grpc_port", "metrics_port")}
        ports[which] = taken.getsockname()[1]
        flags = [f"--{name}={port}" for name, port in ports.items()]
        child = subprocess.run(
            [sys.executable, "-m", "trellis.gateway", "--host=127.0.0.1", *flags],
            env={**os.environ, "TRELLIS_ROUTING_TABLE_FILE": str(tmp_path / "table.json")},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert child.returncode == 1
    assert f"{which} {ports[which]} cannot be listened on at 127.0.0.1" in child.stderr
    assert "Traceback" not in child.stderr + child.stdout


def test_no_line_is_logged_for_a_request(gateway: Gateway) -> None:
    lines = gateway.log.read_text().count("\n")
    for _ in range(20):
        get(f"{gateway.url}/v2/models/sentiment")
        post_json(f"{gateway.url}/predict/sentiment", {"text": "hi"})
    assert gateway.log.read_text().count("\n") == lines


def test_every_line_of_the_log_is_json(gateway: Gateway) -> None:
    import orjson

    for line in gateway.log.read_bytes().splitlines():
        assert orjson.loads(line)["logger"]
