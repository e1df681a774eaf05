"""The gateway of charts/trellis: an experiment over two InferenceServices, a canary over tag hosts,
keys, TLS, workers by KEDA, and pods that are killed under load.

Two gateways, both Redis and the workers run in the file's own namespace, and are installed by helm as
the documentation says.
"""

import asyncio
import http.client
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import aiohttp
import pytest

from scripts.cluster.certificates import authority, signed
from scripts.cluster.components.tls_secret import tls
from scripts.cluster.program import Program
from tests.e2e.support.bounds import binomial_bounds
from tests.e2e.support.forward import forwarded
from tests.e2e.support.gateway import RELEASE, Gateway, Steady, each, host, install, new_key
from tests.e2e.support.kube import Kube
from tests.e2e.support.processes import chart
from tests.e2e.support.requests import diabetes, sentiment
from tests.e2e.support.services import Service
from tests.e2e.support.times import Times
from tests.e2e.support.waiting import NotYet, wait_for
from tests.integration.serving.process import HOST, Caller
from trellis.contracts.routing_table import ModelRoute
from trellis.gateway.assignment import UnitLine

ERROR = 1e-6
UNITS = [f"unit-{number}" for number in range(400)]
INFER = "/v2/models/diabetes/infer"
BODY = diabetes(0, "").body
SCALED = "trellis-worker"
HOST_NAME = host("gateway-e2e")
CERTIFICATE = "gateway-certificate"
MOST_WORKERS = 2
LATE = "/v2/models/late/infer"
#: Small, for two cores.
LITTLE = {"requests": {"cpu": "25m", "memory": "128Mi"}}


def values(stable: int, other: int) -> dict[str, Any]:
    """Of charts/trellis: the experiment's two weights, and what does not change."""
    experiment = {
        "model": "diabetes",
        "experiment": "second-version",
        "arms": [
            {"version": "v1", "weight": stable},
            {"version": "v2", "service": "diabetes-b", "weight": other},
        ],
    }
    canary = {
        "model": "sentiment",
        "arms": [
            {"version": "v1", "tag": "prev", "weight": 3},
            {"version": "v2", "tag": "latest", "role": "canary"},
        ],
    }
    return {
        "gateway": {
            # The last one's predictor comes late.
            "routes": [experiment, canary, {"model": "late", "arms": [{"version": "v1"}]}],
            "defaultModel": "diabetes",
            "resources": LITTLE,
            "ingress": {"kind": "kourier", "hosts": [HOST_NAME], "tlsSecret": CERTIFICATE},
            # A dead worker's jobs go on after five seconds, not fifteen.
            "env": {"TRELLIS_JOB_LEASE_SECONDS": "5"},
        },
        "worker": {
            "resources": LITTLE,
            "keda": {
                "enabled": True,
                "maxReplicas": MOST_WORKERS,
                "pollingInterval": 2,
                "cooldownPeriod": 5,
            },
        },
    }


@pytest.fixture(scope="module")
def arms(kube: Kube, helm: Program, namespace: str) -> str:
    """The namespace with both arms of the experiment, by one install, and a canary that Knative gives
    no traffic.
    """
    common = ("--namespace", namespace, "--set", "resources.requests.cpu=25m,version=v1")
    second = ("--set", "arms[0].name=b,arms[0].version=v2")
    helm("install", "diabetes", str(chart("model")), *common, *second)
    helm("install", "sentiment", str(chart("model")), *common)
    services = {
        name: Service(kube, namespace, name) for name in ("diabetes", "diabetes-b", "sentiment")
    }
    first = {name: service.until_ready() for name, service in services.items()}
    newer = ("--set", "version=v2,canaryTrafficPercent=0")
    helm("upgrade", "sentiment", str(chart("model")), *common, *newer)
    services["sentiment"].until_newer(first["sentiment"])
    services["sentiment"].until_traffic({first["sentiment"]: 100})
    return namespace


@pytest.fixture(scope="module")
def gateway(kube: Kube, helm: Program, arms: str, times: Times) -> Iterator[Gateway]:
    """The release, once the ingress leads to it, with a key."""
    begin = time.monotonic()
    pair = signed(authority(kube.settings.state), [HOST_NAME])
    kube.apply(tls(arms, CERTIFICATE, pair))
    install(kube, helm, arms, values(70, 30))
    found = Gateway(kube, arms, HOST_NAME, new_key(kube, arms))

    def look() -> None:
        if (status := found.ask("GET", "/health").status) != 200:
            raise NotYet(f"/health answers {status}")

    wait_for("gateway behind the ingress", look, 60)
    times.add(
        "helm install of charts/trellis, until the ingress leads to it", time.monotonic() - begin
    )
    yield found
    # An object of KEDA's that outlives its operator's namespace watch holds the namespace up.
    helm("uninstall", RELEASE, "--namespace", arms, "--wait", "--timeout", "120s")


def likeness(answer: dict[str, Any]) -> tuple[float, ...]:
    """What an answer says, to as many places as do not depend on what it was computed along with."""
    (found,) = [item["data"] for item in answer["outputs"] if item["name"] == "probabilities"]
    return tuple(round(value, 4) for value in found)


def versions_by_likeness(gateway: Gateway, path: str, body: bytes) -> dict[tuple[float, ...], str]:
    """The version by its answer, from who asks for one: nobody else is told which it was."""
    found = {}
    for version in ("v1", "v2"):
        reply = gateway.ask("POST", path, body, x_model_version=version)
        assert reply.json["model_version"] == version
        found[likeness(reply.json)] = version
    assert len(found) == 2, "the versions answer alike"
    return found


def met(
    gateway: Gateway, units: list[str], path: str = INFER, body: bytes = BODY
) -> dict[str, str]:
    """The version that answered each unit, through the ingress."""
    versions = versions_by_likeness(gateway, path, body)

    async def one(unit: str, session: aiohttp.ClientSession) -> str:
        reply = await gateway.send(session, "POST", path, body, {"x-unit-id": unit}, tries=1)
        assert reply.status == 200, reply.body
        assert b"model_version" not in reply.body
        return versions[likeness(reply.json)]

    found = each([partial(one, unit) for unit in units])
    return dict(zip(units, found, strict=True))


def expected(route: ModelRoute, units: list[str]) -> dict[str, str]:
    """The version that the table gives each unit."""
    line = UnitLine(route.salt, [arm.intervals for arm in route.arms])
    return {unit: route.arms[line.arm_of(unit.encode())].version for unit in units}


def test_who_has_no_key_is_not_let_in(gateway: Gateway) -> None:
    stranger = Gateway(gateway.kube, gateway.namespace, gateway.host)
    reply = stranger.ask("POST", INFER, BODY)
    assert reply.status == 401, reply.body
    assert set(reply.json) == {"error"}


def test_helm_test_passes(gateway: Gateway, helm: Program) -> None:
    told = helm("test", RELEASE, "--namespace", gateway.namespace, "--timeout", "120s")
    assert told.count("Phase:          Succeeded") == 2


def test_an_experiment_over_two_services_holds_its_shares(gateway: Gateway) -> None:
    found = met(gateway, UNITS)
    assert found == expected(gateway.table.models["diabetes"], UNITS)
    least, most = binomial_bounds(len(UNITS), 0.30, ERROR)
    assert least <= Counter(found.values())["v2"] <= most


def test_a_unit_meets_its_version_at_each_replica(gateway: Gateway) -> None:
    pods = gateway.pods("gateway")
    assert len(pods) == 2
    wanted = expected(gateway.table.models["diabetes"], UNITS[:60])
    versions = versions_by_likeness(gateway, INFER, BODY)
    for pod in pods:
        target = f"pod/{pod['metadata']['name']}"
        with (
            forwarded(gateway.kube, gateway.namespace, target, 8080) as port,
            Caller(port) as caller,
        ):
            found = {
                unit: caller.ask("POST", INFER, BODY, {**gateway.headers, "x-unit-id": unit})
                for unit in wanted
            }
        assert {unit: versions[likeness(answer.json)] for unit, answer in found.items()} == wanted


def test_both_replicas_are_reached_through_the_ingress(gateway: Gateway) -> None:
    for pod in gateway.pods("gateway"):
        assert answered(gateway, pod["metadata"]["name"]) > 0


def answered(gateway: Gateway, pod: str) -> float:
    """How many predictions a gateway's own metrics count."""
    return sum(float(value) for value in metric(gateway, pod, "trellis_requests_total"))


def metric(gateway: Gateway, pod: str, name: str) -> list[str]:
    """The values of a metric's series at a gateway."""
    page = gateway.kube.raw(f"/api/v1/namespaces/{gateway.namespace}/pods/{pod}:8083/proxy/metrics")
    return re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE)


def test_a_canary_is_reached_over_tag_hosts(gateway: Gateway) -> None:
    """Knative gives the canary nothing; the gateway a quarter."""
    units = UNITS[:200]
    found = met(gateway, units, "/v2/models/sentiment/infer", sentiment(0, "").body)
    assert found == expected(gateway.table.models["sentiment"], units)
    least, most = binomial_bounds(len(units), 0.25, ERROR)
    assert least <= Counter(found.values())["v2"] <= most


def test_the_gateway_answers_by_tls_with_its_own_certificate(gateway: Gateway) -> None:
    authority = gateway.kube.settings.state / "ca.crt"
    context = ssl.create_default_context(cafile=str(authority))
    port = gateway.kube.settings.https_port
    with (
        socket.create_connection((HOST, port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=gateway.host) as wrapped,
    ):
        told = wrapped.getpeercert() or {}
        assert told["subject"] == ((("commonName", gateway.host),),)
        connection = http.client.HTTPConnection(gateway.host)
        connection.sock = wrapped
        connection.request("POST", INFER, BODY, gateway.headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()


def test_the_page_is_there(gateway: Gateway) -> None:
    reply = gateway.ask("GET", "/")
    assert reply.status == 200
    assert b"<html" in reply.body


def test_a_new_weight_moves_only_whom_it_must_and_restarts_nobody(
    gateway: Gateway, helm: Program, times: Times
) -> None:
    pods = [pod["metadata"]["name"] for pod in gateway.pods("gateway")]
    before = met(gateway, UNITS)

    async def infer(session: aiohttp.ClientSession, number: int) -> None:
        unit = {"x-unit-id": UNITS[number % len(UNITS)]}
        reply = await gateway.send(session, "POST", INFER, BODY, unit, tries=1)
        if reply.status == 503 and b"keys and limits" in reply.body:
            # Redis or the gateway had no turn for half a second, on nodes that share two cores.
            await asyncio.sleep(1)
            reply = await gateway.send(session, "POST", INFER, BODY, unit, tries=1)
        assert reply.status == 200, reply.body

    with Steady(infer, 20) as load:
        begin = time.monotonic()
        install(gateway.kube, helm, gateway.namespace, values(40, 60))
        version = f"{gateway.table.version:.1f}"

        def look() -> None:
            found = [metric(gateway, pod, "trellis_routing_table_version") for pod in pods]
            if found != [[version]] * len(pods):
                raise NotYet(f"the gateways have the tables {found}")

        wait_for(f"table {version} in both gateways", look, 180)
        times.add("helm upgrade of a weight, until both gateways have it", time.monotonic() - begin)
    assert load.failures == []
    after = met(gateway, UNITS)
    assert after == expected(gateway.table.models["diabetes"], UNITS)
    moved = [unit for unit in UNITS if before[unit] != after[unit]]
    assert {before[unit] for unit in moved} == {"v1"}
    least, most = binomial_bounds(len(UNITS), 0.30, ERROR)
    assert least <= len(moved) <= most
    assert [pod["metadata"]["name"] for pod in gateway.pods("gateway")] == pods


def submit(gateway: Gateway, name: str, path: str = INFER) -> Any:
    """A call that hands in a job under an idempotency key and gives its id."""

    async def one(session: aiohttp.ClientSession) -> str:
        headers = {"prefer": "respond-async", "idempotency-key": name, "x-unit-id": name}
        reply = await gateway.send(session, "POST", path, BODY, headers)
        assert reply.status in {200, 202}, reply.body
        return str(reply.json["id"])

    return one


def cancel(gateway: Gateway, job: str) -> Any:
    """A call that ends a job before its time and gives its state."""

    async def one(session: aiohttp.ClientSession) -> str:
        reply = await gateway.send(session, "DELETE", f"/jobs/{job}")
        assert reply.status == 200, reply.body
        return str(reply.json["state"])

    return one


def finished(gateway: Gateway, job: str) -> Any:
    """A call that waits for a job's end and gives its document."""

    async def one(session: aiohttp.ClientSession) -> Any:
        until = time.monotonic() + 120
        while True:
            reply = await gateway.send(
                session, "GET", f"/jobs/{job}", headers={"prefer": "wait=20"}
            )
            assert reply.status == 200, (job, reply.body)
            if reply.json["finished_at"] is not None:
                return reply.json
            assert time.monotonic() < until, f"not finished: {reply.json}"

    return one


def labels(document: dict[str, Any]) -> list[str]:
    """What a job's answer calls its rows."""
    assert document["state"] == "succeeded", document
    outputs = {output["name"]: output["data"] for output in document["result"]["outputs"]}
    found: list[str] = outputs["label"]
    return found


def until_workers(gateway: Gateway, count: int, seconds: float) -> None:
    """Wait until KEDA asks for so many workers."""

    def look() -> None:
        asked = gateway.kube.get("deployment", SCALED, gateway.namespace)["spec"]["replicas"]
        if asked != count:
            raise NotYet(f"the Deployment asks for {asked}")

    wait_for(f"{count} workers", look, seconds)


def test_workers_come_for_jobs_and_go_after_them(gateway: Gateway, times: Times) -> None:
    """From none to one by the first job, to the most by those that wait, and to none again.

    What keeps workers busy are jobs of a predictor that is not there: each is tried for as long as
    one that restarts.
    """
    until_workers(gateway, 0, 120)
    begin = time.monotonic()
    stuck = each([submit(gateway, f"stuck-{number}", LATE) for number in range(60)])
    jobs = each([submit(gateway, f"scale-{number}") for number in range(40)])
    gateway.until_pods("worker")
    times.add("KEDA: from no worker to one that is ready", time.monotonic() - begin)
    until_workers(gateway, MOST_WORKERS, 90)
    times.add(f"... to {MOST_WORKERS}", time.monotonic() - begin)
    documents = each([finished(gateway, job) for job in jobs])
    times.add(
        "... until 40 jobs behind 60 of an absent predictor were finished", time.monotonic() - begin
    )
    assert len(set(jobs)) == 40
    assert {label for document in documents for label in labels(document)} <= {"low", "high"}
    assert set(each([cancel(gateway, job) for job in stuck])) == {"cancelled"}
    begin = time.monotonic()
    until_workers(gateway, 0, 400)
    times.add("KEDA: to no worker", time.monotonic() - begin)


def until_running(gateway: Gateway, jobs: list[str]) -> list[int]:
    """Wait until workers run all of these jobs at once; gives how often each was begun by then."""

    async def document(job: str, session: aiohttp.ClientSession) -> dict[str, Any]:
        found: dict[str, Any] = (await gateway.send(session, "GET", f"/jobs/{job}")).json
        return found

    def look() -> list[int]:
        found = each([partial(document, job) for job in jobs])
        states = Counter(job["state"] for job in found)
        if states != {"running": len(jobs)}:
            raise NotYet(f"they are {dict(states)}")
        return [job["attempts"] for job in found]

    return wait_for(f"{len(jobs)} running jobs", look, 60)


def test_killed_workers_lose_none_of_the_jobs_that_they_run(
    gateway: Gateway, helm: Program, times: Times
) -> None:
    """The predictor that they wait for comes after the processes of all workers were killed."""
    # One that ends takes jobs until it hears of it, and gives them back as if never begun.
    until_workers(gateway, 0, 120)
    gateway.until_none("worker")
    jobs = each([submit(gateway, f"late-{number}", LATE) for number in range(8)])
    begun = until_running(gateway, jobs)
    # One runs jobs before Kubernetes calls it ready.
    workers = gateway.until_begun("worker")
    begin = time.monotonic()
    for worker in workers:
        gateway.kill_process(worker)
    helm(
        "install", "late", str(chart("model")), "--namespace", gateway.namespace,
        "--set", "version=v1,storageUri=pvc://models/diabetes/v1,resources.requests.cpu=25m",
    )  # fmt: skip
    documents = each([finished(gateway, job) for job in jobs])
    times.add("killed workers, until others had finished their jobs", time.monotonic() - begin)
    assert all(labels(document) for document in documents)
    # No worker could give a job back: each was begun again, after its lease.
    again = [
        document["attempts"] - before for document, before in zip(documents, begun, strict=True)
    ]
    assert min(again) >= 1
    # Handed in once more, each is the job that it was.
    assert each([submit(gateway, f"late-{number}", LATE) for number in range(8)]) == jobs


def test_killed_pods_lose_no_job_and_fail_no_request(gateway: Gateway, times: Times) -> None:
    accepted: dict[str, str] = {}

    async def infer_and_submit(session: aiohttp.ClientSession, number: int) -> None:
        unit = {"x-unit-id": UNITS[number % len(UNITS)]}
        reply = await gateway.send(session, "POST", INFER, BODY, unit)
        assert reply.status == 200, reply.body
        if number % 3 == 0:
            name = f"kill-{number}"
            accepted[name] = await submit(gateway, name)(session)

    with Steady(infer_and_submit, 12) as load:
        [worker, *_] = gateway.until_pods("worker")
        begin = time.monotonic()
        first = gateway.kill(gateway.pods("gateway")[0])
        gateway.until_pods("gateway", gone=first, least=2)
        times.add("a killed gateway, until there are two again", time.monotonic() - begin)
        begin = time.monotonic()
        gone = gateway.kill(worker)
        gateway.until_pods("worker", gone=gone)
        times.add("a killed worker, until there is another", time.monotonic() - begin)
        second = gateway.kill(gateway.pods("gateway")[0])
        gateway.until_pods("gateway", gone=second, least=2)
    assert load.failures == []
    assert len(accepted) == len(range(0, load.sent, 3))
    documents = each([finished(gateway, job) for job in accepted.values()])
    assert all(labels(document) for document in documents)
    # Handed in once more, each is the job that it was.
    again = each([submit(gateway, name) for name in accepted])
    assert again == list(accepted.values())
    assert len(set(again)) == len(again)
