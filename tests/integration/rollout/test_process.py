"""The controller as the process that it is: killed at any moment, it goes on where it was."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.rollout.api_server import free_ports
from tests.integration.rollout.lab import Lab
from tests.integration.rollout.test_chart import install
from tests.integration.rollout.test_controller import begin, highest, steps
from tests.integration.rollout.waiting import until
from tests.unit.charts.helm import Helm
from tests.unit.manifests.conftest import tool

TOKEN = "a-token-of-sixteen-letters"


class Process:
    """``python -m trellis.rollout``, started and killed at will."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.port, self._webhook = free_ports(2)
        self._lab, self._folder = lab, folder
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str, kubeconfig: Path | None = None) -> None:
        with (self._folder / "controller.log").open("ab") as log:
            self._child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "trellis.rollout",
                    f"--namespace={self._lab.namespace}",
                    f"--http_port={self.port}",
                    f"--controller_token={TOKEN}",
                    "--host=127.0.0.1",
                    "--scrape_interval=1",
                    "--webhook=false",
                    *flags,
                ],
                env={**os.environ, "KUBECONFIG": str(kubeconfig or self._lab.server.kubeconfig)},
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """As kill -9 does."""
        assert self._child is not None
        self._child.kill()
        self._child.wait(10)

    def terminate(self) -> int:
        assert self._child is not None
        self._child.terminate()
        return self._child.wait(20)

    def log(self) -> str:
        return (self._folder / "controller.log").read_text()

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
            return content

    def answers(self) -> bool:
        try:
            return self.get("/health") != b""
        except OSError:
            assert self._child is not None
            assert self._child.poll() is None, self.log()
            return False


@pytest.fixture
def process(lab: Lab, tmp_path: Path) -> Iterator[Process]:
    made = Process(lab, tmp_path)
    yield made
    if made._child is not None and made._child.poll() is None:
        made.kill()


async def test_killed_at_every_step_it_repeats_none_and_skips_none(
    lab: Lab, process: Process
) -> None:
    async with lab.controller(passes=False):
        process.start()
        await begin(lab)
        await lab.applies("v2")
        status = await _promoted(lab, process)
    done = steps(status, "v2")
    assert (done.count("began"), done.count("advanced"), done.count("promoted")) == (1, 3, 1)
    assert highest(lab, "r-00002") == [0, 5, 20, 50, 100]


async def _promoted(lab: Lab, process: Process) -> Any:
    """The status in the end, when the controller was killed whenever it had changed."""
    seen: list[tuple[str, int]] = []

    def new_step() -> tuple[str, int] | None:
        status = lab.status()
        step = (status["phase"], status.get("weight", 0))
        return (
            step
            if (status.get("canary") or status["phase"] == "Promoted") and step not in seen
            else None
        )

    while not seen or seen[-1][0] != "Promoted":
        seen.append(await until(new_step, process.log()))
        process.kill()
        process.start()
    await until(lambda: lab.weight() is None)
    return lab.status()


async def test_the_rights_that_the_chart_gives_are_enough(
    lab: Lab, process: Process, tmp_path: Path
) -> None:
    helm = Helm(tool("helm"), tmp_path)
    off = {"enabled": False}
    await asyncio.to_thread(
        install, lab.server, helm, lab.namespace, scope="namespace", webhook=off
    )
    account = lab.path("/api/v1", "serviceaccounts", "trellis-controller")
    asked = {"spec": {"expirationSeconds": 3600}}
    token = (await lab.call("POST", f"{account}/token", asked))["status"]["token"]
    process.start(kubeconfig=lab.server.kubeconfig_of(token, lab.namespace))
    async with lab.controller(passes=False):
        await begin(lab)
        await lab.applies("v2")
        await lab.until_phase("Promoted", version="v2")
    assert "Promoted" in lab.events()
    assert "orbidden" not in process.log()


async def test_its_http_answers_whoever_has_the_token(lab: Lab, process: Process) -> None:
    async with lab.controller(passes=False):
        process.start()
        await begin(lab)
        await until(process.answers)
        table = json.loads(process.get("/routing-table"))
        (arm,) = table["models"]["tomato"]["arms"]
        host = f"tomato-predictor.{lab.namespace}.svc.cluster.local"
        assert (arm["url"], arm["version"]) == (f"http://{host}", "v1")
        (model,) = json.loads(process.get("/models"))["models"]
        assert model["revisions"][0]["role"] == "stable"
        (view,) = json.loads(process.get("/rollouts"))["rollouts"]
        assert view["status"]["phase"] == "Idle"
        assert b'trellis_rollouts{phase="Idle"} 1.0' in process.get("/metrics")


async def test_it_ends_at_once_when_it_is_told_to(process: Process) -> None:
    process.start()
    await until(process.answers)
    assert process.terminate() == 0
    assert "Traceback" not in process.log()


def test_a_setting_that_does_not_fit_is_told(process: Process) -> None:
    process.start("--metrics_source=prometheus")
    assert process._child is not None
    assert process._child.wait(60) == 2
    assert "prometheus_url must be set" in process.log()
