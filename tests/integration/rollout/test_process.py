"""The controller as the process that it is: killed at any moment, it goes on where it was."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ports import free_ports
from tests.integration.redis_server import RedisServer
from tests.integration.rollout import objects, test_experiments
from tests.integration.rollout.lab import Lab
from tests.integration.rollout.test_chart import install
from tests.integration.rollout.test_controller import begin, highest, steps
from tests.integration.rollout.visitors import Visitors
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

    def get(self, path: str, put: Any = None) -> bytes:
        """What is answered; with ``put``, to that."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if put is None else json.dumps(put).encode(),
            {"authorization": f"Bearer {TOKEN}"},
            method="GET" if put is None else "PUT",
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


async def test_killed_in_the_middle_of_an_experiment_it_goes_on(
    lab: Lab, process: Process, redis: RedisServer
) -> None:
    process.start(f"--redis_url={redis.url}")
    table = await test_experiments.begin(lab)
    visitors, units = Visitors(redis.url), 0
    for behaviour in (test_experiments.ALIKE, test_experiments.BETTER, test_experiments.BETTER):
        await visitors.come(table, 500, behaviour)
        await _until_heard(process, units + 1)
        units += 500
        process.kill()
        process.start(f"--redis_url={redis.url}")
    status = await lab.until_compared("Decided")
    assert status["winner"] == "v2"
    whole = await _until_heard(process, units)
    assert sum(arm["units"] for arm in whole["arms"]) == units
    assert await test_experiments.until_said(lab, "Decided") == ["Began", "Decided"]
    assert lab.kept_table() == table


async def _until_heard(process: Process, exposures: int) -> Any:
    """The newest status, when the controller has heard of so many."""

    def heard() -> Any:
        if not process.answers():
            return None
        status = json.loads(process.get("/experiments/leaves/evidence"))["status"]
        return status if status["exposures"] >= exposures else None

    return await until(heard, process.log())


async def test_the_rights_that_the_chart_gives_are_enough(
    lab: Lab, process: Process, redis: RedisServer, tmp_path: Path
) -> None:
    helm = Helm(tool("helm"), tmp_path)
    off = {"enabled": False}
    await asyncio.to_thread(
        install, lab.server, helm, lab.namespace, scope="namespace", webhook=off
    )
    account = lab.path("/api/v1", "serviceaccounts", "trellis-controller")
    asked = {"spec": {"expirationSeconds": 3600}}
    token = (await lab.call("POST", f"{account}/token", asked))["status"]["token"]
    kubeconfig = lab.server.kubeconfig_of(token, lab.namespace)
    process.start(f"--redis_url={redis.url}", kubeconfig=kubeconfig)
    async with lab.controller(passes=False):
        await begin(lab)
        await lab.applies("v2")
        await lab.until_phase("Promoted", version="v2")
    assert "Promoted" in lab.events()
    await lab.call("DELETE", lab.path(objects.TRELLIS, "rollouts", "tomato"))
    await lab.applies("v3", name="tomato-b")
    await lab.compares(services={"v2": "tomato", "v3": "tomato-b"})
    await lab.until_compared("Running")
    await lab.until_kept(test_experiments.is_shared)
    assert lab.events("Experiment") == ["Began"]
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


async def test_an_experiment_that_is_set_over_http_is_the_resource(
    lab: Lab, process: Process, redis: RedisServer
) -> None:
    process.start(f"--redis_url={redis.url}")
    await lab.applies("v1")
    await lab.applies("v2", name="tomato-b", arm_of="tomato")
    await until(process.answers)
    await lab.until_kept(lambda table: {"tomato", "tomato-b"} <= table.models.keys())
    arms = [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 3}]
    asked = {"model": "tomato", "arms": arms, "attributionWindow": 5}
    process.get("/experiments/leaves", put=asked)
    await lab.until_compared("Running")
    table = await lab.until_kept(test_experiments.is_shared)
    assert [arm.weight for arm in table.models["tomato"].arms] == [0.25, 0.75]
    (name, shown), *others = json.loads(process.get("/experiments"))["experiments"].items()
    assert (name, shown["attributionWindow"], others) == ("leaves", 5, [])
    view = json.loads(process.get("/experiments/leaves/evidence"))
    assert [arm["inferenceService"] for arm in view["spec"]["arms"]] == ["tomato", "tomato-b"]
    assert (view["status"]["phase"], view["status"]["plan"]) == ("Running", {})
    assert b'trellis_experiments{phase="Running"} 1.0' in process.get("/metrics")
    await lab.compares()  # the manifest in git, which takes its fields
    with pytest.raises(urllib.error.HTTPError) as refused:
        process.get("/experiments/leaves", put=asked)
    assert refused.value.code == 409
    assert '"git"' in json.loads(refused.value.read())["error"]


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


async def test_an_experiment_over_http_has_no_arm_in_another_model(
    lab: Lab, process: Process
) -> None:
    process.start()
    await lab.applies("v1")
    await lab.applies("v2", name="tomato-de")  # another model, by its name alone an arm
    await until(process.answers)
    await lab.until_kept(lambda table: {"tomato", "tomato-de"} <= table.models.keys())
    arms = [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}]
    with pytest.raises(urllib.error.HTTPError) as refused:
        process.get("/experiments/leaves", put={"model": "tomato", "arms": arms})
    assert refused.value.code == 409
    sentence = json.loads(refused.value.read())["error"]
    assert "serves v2 as an arm of tomato: give the one that does the label" in sentence
    assert json.loads(process.get("/experiments"))["experiments"] == {}
