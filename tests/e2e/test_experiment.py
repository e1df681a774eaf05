"""An Experiment over two versions of `tomato`: users come through the gateway with drawn leaves, what
their leaves had is known some seconds later, and the controller finds the version that is right more often.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from models.tomato.leaves import LABELS, draw
from scripts.cluster.program import Program
from tests.e2e.support.gateway import RELEASE, Gateway, Reply, Steady, host, install
from tests.e2e.support.kube import Kube
from tests.e2e.support.processes import chart
from tests.e2e.support.services import Service, deploy, example
from tests.e2e.support.times import Times
from tests.e2e.support.waiting import NotYet, wait_for
from tests.integration.serving.process import HOST

HOST_NAME, GRPC_HOST = host("experiment-e2e"), host("experiment-grpc-e2e")
#: Users a second; each comes once.
RATE = 12.0
#: Seconds until it is known what a leaf had, and for how long that still counts.
DELAY, WINDOW = 5.0, 30.0
PATIENCE = 300.0
LITTLE = {"requests": {"cpu": "25m", "memory": "128Mi"}}
EXPERIMENT = {
    "enabled": True,
    "goal": {"kind": "label", "better": "higher"},
    "attributionWindow": f"{WINDOW:.0f}s",
}


@dataclass
class Users:
    """Who they are, and what their leaves have; leaves are drawn as they come."""

    gateway: Gateway
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    told: int = 0

    async def visit(self, session: aiohttp.ClientSession, number: int) -> None:
        """One user with a leaf, who tells after a while what it had."""
        label = LABELS[number % len(LABELS)]
        leaf = draw(self.rng, label)
        headers = {"content-type": "image/jpeg", "x-unit-id": f"grower-{number}"}
        reply = await self.gateway.send(session, "POST", "/predict/tomato", leaf, headers, tries=1)
        assert reply.status == 200, reply.body
        assert b"version" not in reply.body
        await asyncio.sleep(DELAY)
        outcome = {"request_id": reply.json["request_id"], "label": label}
        answer = await self.gateway.send(session, "POST", "/feedback", json.dumps(outcome).encode())
        assert answer.status == 200, answer.body
        self.told += 1


@pytest.fixture(scope="module")
def gateway(kube: Kube, helm: Program, namespace: str) -> Iterator[Gateway]:
    """Gateway, controller and both Redis, and the two versions, as the documentation installs them."""
    install(
        kube,
        helm,
        namespace,
        {
            "gateway": {
                "auth": "open",
                "replicas": 1,
                "resources": LITTLE,
                "ingress": {"kind": "kourier", "hosts": [HOST_NAME], "grpcHosts": [GRPC_HOST]},
            },
            "worker": {"resources": LITTLE},
            "controller": {"enabled": True, "replicas": 2, "resources": LITTLE},
        },
    )
    helm(
        "install", "tomato", str(chart("model")), "--namespace", namespace,
        "--set", "resources.requests.cpu=25m,version=v1",
        "--set", "arms[0].name=b,arms[0].version=v2",
        "--set-json", f"experiment={json.dumps(EXPERIMENT)}",
    )  # fmt: skip
    for name in ("tomato", "tomato-b"):
        Service(kube, namespace, name).until_ready()
    yield Gateway(kube, namespace, HOST_NAME)
    helm("uninstall", RELEASE, "--namespace", namespace, "--wait", "--timeout", "120s")


def experiment(gateway: Gateway) -> dict[str, Any]:
    """The status as it was written last."""
    found = gateway.kube.get("experiments.trellis.dev", "tomato", gateway.namespace)
    status: dict[str, Any] = found.get("status") or {}
    return status


def until(gateway: Gateway, phase: str) -> dict[str, Any]:
    """The status once the experiment is in this phase."""

    def look() -> dict[str, Any]:
        status = experiment(gateway)
        if status.get("phase") != phase:
            raise NotYet(f"it is {status.get('phase')}: {status.get('message')}")
        return status

    return wait_for(f"phase {phase}", look, PATIENCE)


@pytest.fixture(scope="module")
def decided(gateway: Gateway, times: Times) -> dict[str, Any]:
    """The status once the better version was found."""
    until(gateway, "Running")
    wait_for("route with both arms", lambda: _both_arms(gateway), 60)
    users, begin = Users(gateway), time.monotonic()
    with Steady(users.visit, RATE) as load:
        found = until(gateway, "Decided")
    assert load.failures == []
    assert users.told == load.sent
    times.add(
        f"an experiment with {RATE:.0f} users a second, until the better version was found",
        time.monotonic() - begin,
    )
    return found


def _both_arms(gateway: Gateway) -> None:
    reply = gateway.ask("GET", "/experiments/tomato/status")
    arms = {arm["arm"] for arm in reply.json.get("arms", [])}
    if len(arms) != 2:
        raise NotYet(f"{reply.status}: its arms are {arms}")


def test_the_better_version_is_found(decided: dict[str, Any]) -> None:
    assert decided["winner"] == "v2", decided["message"]
    first, second = decided["arms"]
    assert (first["version"], second["version"]) == ("v1", "v2")
    assert second["difference"][0] > 0
    assert first["interval"][0] <= first["estimate"] <= first["interval"][1]


def test_every_exposure_was_counted(decided: dict[str, Any]) -> None:
    assert not decided["incomplete"]
    assert decided["exposures"] == sum(arm["exposures"] for arm in decided["arms"])
    assert decided["dropped"] == decided["unjoined"] == 0


def test_people_read_it_in_kubectl_over_http_and_on_the_dashboard(
    gateway: Gateway, decided: dict[str, Any]
) -> None:
    shown = gateway.kube.run(
        "get", "experiments.trellis.dev", "tomato", "--namespace", gateway.namespace
    )
    assert "Decided" in shown
    assert decided["winner"] in shown
    reply = gateway.ask("GET", "/experiments/tomato")
    assert reply.status == 200, reply.body
    assert [arm["version"] for arm in reply.json["arms"]] == ["v1", "v2"]
    page = gateway.ask("GET", "/dashboard")
    assert page.status == 200, page.body


def _fingerprints(gateway: Gateway) -> dict[str, str]:
    """By version, once the controller has asked the pods of both versions."""
    table = gateway.controllers_table
    arms = [arm for route in table.models.values() for arm in route.arms]
    if not all(arm.fingerprint for arm in arms):
        raise NotYet(f"the arms of table {table.version} are {arms}")
    return {arm.version: arm.fingerprint for arm in arms}


def test_equal_leaves_are_looked_at_once(gateway: Gateway) -> None:
    """By the other version's own name, whose requests no experiment counts."""
    known = wait_for("fingerprints of both versions", lambda: _fingerprints(gateway), 60)
    assert known.keys() == {"v1", "v2"}
    assert len(set(known.values())) == 2, "the versions have one fingerprint"
    rng = np.random.default_rng(8)

    def ask(leaf: bytes, **headers: str) -> Reply:
        named = {"content-type": "image/jpeg", "x-unit-id": "somebody", **headers}
        reply = gateway.ask("POST", "/predict/tomato-b", leaf, **named)
        assert reply.status == 200, reply.body
        return reply

    def look() -> tuple[bytes, Reply, Reply]:
        leaf = draw(rng, LABELS[0])  # another each time
        first, second = ask(leaf), ask(leaf)
        if second.json["cache"] != "hit":
            raise NotYet(f"the cache says {first.json['cache']}, then {second.json['cache']}")
        return leaf, first, second

    leaf, first, second = wait_for("answer that was kept", look, 60)
    assert first.json["cache"] == "miss"
    assert first.json["label"] == second.json["label"]
    assert first.json["request_id"] != second.json["request_id"]
    assert ask(leaf, **{"x-unit-id": "somebody else"}).json["cache"] == "hit"
    assert ask(leaf, **{"cache-control": "no-cache"}).json["cache"] == "bypass"


def test_grpc_calls_pass_by_the_controllers_table(gateway: Gateway) -> None:
    """A service whose one port speaks gRPC gets an address for it, by its port's name."""
    document = example("grpc.yaml", "pvc://models/diabetes/v1")
    document["spec"]["predictor"]["model"]["resources"] = {"requests": {"cpu": "25m"}}
    service = deploy(gateway.kube, gateway.namespace, document)
    service.until_ready()
    row = np.array([[50, 1, 25, 90, 180, 100, 50, 4, 4.5, 90]], np.float32)
    given = tritonclient.grpc.InferInput("features", row.shape, "FP32")
    given.set_data_from_numpy(row)
    authority = [("grpc.default_authority", GRPC_HOST), ("grpc.enable_http_proxy", 0)]
    address = f"{HOST}:{gateway.kube.settings.http_port}"

    def look(client: tritonclient.grpc.InferenceServerClient) -> tritonclient.grpc.InferResult:
        try:
            return client.infer(service.name, [given])
        except InferenceServerException as error:  # the gateway has the table in a moment
            raise NotYet(str(error)) from error

    with tritonclient.grpc.InferenceServerClient(address, channel_args=authority) as client:
        answer = wait_for("answer over gRPC", lambda: look(client), 60)
    assert answer.as_numpy("label").shape == (1,)
    (arm,) = gateway.controllers_table.models[service.name].arms
    assert arm.grpc_address == f"{service.name}-predictor.{gateway.namespace}.svc.cluster.local:80"


def test_gitops_owns_its_fields(gateway: Gateway) -> None:
    """Helm applied them: what HTTP asks for is refused, and the manager is named."""
    asked = {
        "model": "tomato",
        "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 9}],
    }
    reply = gateway.ask("PUT", "/experiments/tomato", json.dumps(asked).encode())
    assert reply.status == 409, reply.body
    assert "helm" in reply.json["error"].lower()
