"""Real runs of ``trellis up`` on a copy of a manifest, with real predictors and gateway."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.integration.ports import free_port, free_ports
from tests.integration.serving.process import PredictorProcess

ROOT = Path(__file__).parents[3]
ROW = [59.0, 2.0, 32.1, 101.0, 157.0, 93.2, 38.0, 4.0, 4.86, 87.0]
BODY = json.dumps(
    {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 10], "data": ROW}]}
).encode()


def manifest(version: str, percent: int | None = None, name: str = "diabetes") -> str:
    weight = "" if percent is None else f"    canaryTrafficPercent: {percent}\n"
    return (
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:\n"
        f"  name: {name}\nspec:\n  predictor:\n{weight}    model:\n"
        f"      modelFormat: {{name: trellis}}\n      storageUri: pvc://models/diabetes/{version}\n"
    )


def other_ports() -> list[str]:
    """Flags for the ports of a run that a test does not come to."""
    grpc_port, metrics_port = free_ports(2)
    return ["--grpc_port", str(grpc_port), "--metrics_port", str(metrics_port)]


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def is_running(pid: int) -> bool:
    try:
        # Dead and not yet reaped by its new parent is dead for our purpose.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def version_that_said(answer: dict[str, Any]) -> str:
    """The version that gave this answer to ``ROW``: through the gateway no answer names one."""
    return _answers()[_confidence(answer)]


@cache
def _answers() -> dict[float, str]:
    """Each version's confidence about ``ROW``, as a predictor of its own tells it."""
    told = {}
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with PredictorProcess(ROOT / "models" / "diabetes", log=log) as process:
            for version in ("v1", "v2"):
                url = f"http://{process.address}/v2/models/diabetes/versions/{version}/infer"
                with urllib.request.urlopen(urllib.request.Request(url, BODY), timeout=30) as said:
                    told[_confidence(json.load(said))] = version
    assert len(told) == 2
    return told


def _confidence(answer: dict[str, Any]) -> float:
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    return round(float(outputs["confidence"][0]), 4)


@dataclass
class Up:
    """One running ``trellis up``."""

    folder: Path
    http_port: int
    process: subprocess.Popen[str]
    output: Path
    host: str = "127.0.0.1"
    children: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.http_port}"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifests" / "diabetes.yaml"

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, words: str, seconds: float = 180, times: int = 1) -> None:
        deadline = time.monotonic() + seconds
        while self.said().count(words) < times:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, f"{words!r} not in:\n{self.said()}"
            time.sleep(0.05)
        self.children = children_of(self.process.pid)

    def wait_for_table(self, version: int) -> None:
        """Until the gateway has taken the routing table of this version."""
        log = self.folder / "state" / "logs" / "gateway.log"
        deadline = time.monotonic() + 30
        while f'"version":{version},' not in log.read_text():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def running(self, module: str) -> int:
        """The child that runs this module."""
        for pid in children_of(self.process.pid):
            if module in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                return pid
        raise AssertionError(f"no {module} among {self.children}")

    def predict(self, user: str, path: str = "/v2/models/diabetes/infer") -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, data=BODY, headers={"x-unit-id": user})
        with urllib.request.urlopen(request, timeout=30) as answer:
            result: dict[str, Any] = json.load(answer)
        return result

    def version_of(self, user: str) -> str:
        return version_that_said(self.predict(user))

    def versions_of(self, users: list[str]) -> dict[str, str]:
        """The version that each user gets, asked on one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=30)
        versions = {}
        for user in users:
            connection.request("POST", "/v2/models/diabetes/infer", BODY, {"x-unit-id": user})
            versions[user] = version_that_said(json.loads(connection.getresponse().read()))
        connection.close()
        return versions

    def edit(self, text: str) -> None:
        """Write as most editors do: a new file in place of the old one."""
        fresh = self.manifest.with_suffix(".tmp")
        fresh.write_text(text)
        fresh.replace(self.manifest)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not stop:\n{self.said()}") from None


Start = Callable[..., Up]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts ``trellis up`` in a folder of the test's own, and stops whatever is left."""
    _answers()  # before any load begins
    (tmp_path / "manifests").mkdir()
    started: list[Up] = []

    def run(
        text: str | None = None,
        *,
        wait: bool = True,
        models: Path | None = None,
        http_port: int | None = None,
        host: str = "127.0.0.1",
        environment: dict[str, str] | None = None,
    ) -> Up:
        http_port = http_port or free_port()
        output = tmp_path / f"output-{len(started)}"
        if text is not None:
            (tmp_path / "manifests" / "diabetes.yaml").write_text(text)
        command = [
            sys.executable, "-m", "trellis.cli", "up", str(tmp_path / "manifests"),
            "--models", str(models or ROOT / "models"), "--state", str(tmp_path / "state"),
            "--host", host, "--http_port", str(http_port), *other_ports(),
        ]  # fmt: skip
        with ExitStack() as stack:
            file = stack.enter_context(output.open("w"))
            process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
            )
        up = Up(tmp_path, http_port, process, output, host)
        started.append(up)
        if wait:
            up.wait_for("web page and REST:")
        return up

    yield run
    for up in started:
        if up.process.poll() is None:
            up.process.kill()
            up.process.wait()
        deadline = time.monotonic() + 20
        for pid in up.children:
            while is_running(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
