"""Starts and stops the real processes of the gateway's tests, and asks them over real sockets."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.integration.ports import free_port

REPOSITORY = Path(__file__).parents[3]
#: A process that is not up by then is broken; a busy machine needs far less.
START_SECONDS = 60.0


class Process:
    """A child process with an HTTP port; ``log`` receives its output."""

    def __init__(self, argv: list[str], log: Path, env: dict[str, str] | None = None) -> None:
        self._argv = argv
        self._env = {**os.environ, **(env or {})}
        self.log = log
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self._argv, cwd=REPOSITORY, env=self._env, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def send(self, number: signal.Signals) -> None:
        assert self.child is not None
        self.child.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait; returns the exit status."""
        assert self.child is not None
        self.child.send_signal(number)
        try:
            return self.child.wait(20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(5)
            raise


def wait_for(url: str, process: Process) -> None:
    """Until ``url`` answers 200."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.child is not None
        assert process.child.poll() is None, process.log.read_text()
        try:
            if get(url)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer: {process.log.read_text()}")


Answer = tuple[int, dict[str, str], bytes]


def ask(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Status, headers (names in lower case) and body; an error's too."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, _lower(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _lower(error.headers), error.read()


def get(url: str, headers: dict[str, str] | None = None) -> Answer:
    return ask("GET", url, None, headers)


def post_json(url: str, document: Any, headers: dict[str, str] | None = None) -> Answer:
    head = {"content-type": "application/json", **(headers or {})}
    return ask("POST", url, json.dumps(document).encode(), head)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class FakeUpstream(Process):
    """``upstream_server.py`` on two free ports."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.http_port, self.grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        script = str(Path(__file__).with_name("upstream_server.py"))
        ports = ["--http-port", str(self.http_port), "--grpc-port", str(self.grpc_port)]
        super().__init__([sys.executable, script, "--name", name, *ports], folder / f"{name}.log")

    def up(self) -> None:
        self.start()
        wait_for(f"{self.url}/v2/models/squares", self)

    def arm(self, **fields: Any) -> dict[str, Any]:
        """An arm of a routing table that reaches this process."""
        return {
            "url": self.url,
            "grpcAddress": f"127.0.0.1:{self.grpc_port}",
            "model": "squares",
            "version": self.name,
            "revision": f"{self.name}-1",
            **fields,
        }


class Gateway(Process):
    """``python -m trellis.gateway`` on free ports, following a table in a file."""

    def __init__(self, folder: Path, table: dict[str, Any] | None = None, **settings: Any) -> None:
        self.http_port, self.grpc_port = free_port(), free_port()
        self.metrics_port = free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.metrics_url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        self.table_file = folder / "table.json"
        if table is not None:
            self.write_table(table)
        flags = {
            "host": "127.0.0.1",
            "http_port": self.http_port,
            "grpc_port": self.grpc_port,
            "metrics_port": self.metrics_port,
            "routing_table_file": self.table_file,
            "cookie_secret": "a secret of the tests",
            **settings,
        }
        argv = [f"--{name}={value}" for name, value in flags.items() if value is not None]
        super().__init__([sys.executable, "-m", "trellis.gateway", *argv], folder / "gateway.log")

    def write_table(self, table: dict[str, Any]) -> None:
        partial = self.table_file.with_suffix(".partial")
        partial.write_text(json.dumps(table))
        partial.replace(self.table_file)

    def up(self) -> None:
        self.start()
        wait_for(f"{self.url}/health", self)

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of ``name`` that have these labels."""
        total = 0.0
        for line in get(self.metrics_url)[2].decode().splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(
                f'{label}="{text}"' in series for label, text in labels.items()
            ):
                total += float(value)
        return total


def table_of(models: dict[str, Any], version: int = 1) -> dict[str, Any]:
    """A routing table; each model is a list of arms, or a dict with ``arms`` and more."""
    routes = {}
    for name, route in models.items():
        fields = route if isinstance(route, dict) else {"arms": route}
        routes[name] = {"salt": f"salt of {name}", **fields}
    return {"version": version, "models": routes}
