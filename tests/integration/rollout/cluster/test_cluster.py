"""The watched cluster against a real API server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.conftest import install_all, new_namespace
from tests.integration.rollout.objects import path
from tests.integration.rollout.waiting import running, until
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.connection import connect
from trellis.rollout.cluster.facts import Key
from trellis.telemetry.metrics import ControllerMetrics


@pytest.fixture
async def cluster(
    api: Api, namespace: str, metrics: ControllerMetrics
) -> AsyncIterator[tuple[Cluster, list[Key]]]:
    heard: list[Key] = []
    cluster = Cluster(api, namespace, metrics, heard.append)
    async with running(cluster.run()):
        await cluster.listed()
        yield cluster, heard


def make(server: ApiServer, namespace: str, version: str = "v1") -> dict[str, Any]:
    """An InferenceService and what KServe and Knative make of it."""
    service: dict[str, Any] = server.call(
        "POST",
        path(objects.KSERVE, namespace, "inferenceservices"),
        objects.inference_service("tomato", version),
    )
    of = objects.template(f"pvc://models/tomato/{version}")
    knative = objects.knative_service(service, of)
    server.call("POST", path(objects.KNATIVE, namespace, "services"), knative)
    name = "tomato-predictor-00001"
    revisions = path(objects.KNATIVE, namespace, "revisions")
    made = server.call("POST", revisions, objects.revision(name, "tomato", of))
    made["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    server.call("PUT", f"{revisions}/{name}/status", made)
    component = {
        "latestCreatedRevision": name,
        "latestReadyRevision": name,
        "latestRolledoutRevision": name,
        "traffic": [{"revisionName": name, "percent": 100, "latestRevision": True}],
    }
    service["status"] = {"deploymentMode": "Serverless", "components": {"predictor": component}}
    return server.call(  # type: ignore[no-any-return] # JSON
        "PUT", path(objects.KSERVE, namespace, "inferenceservices", "tomato") + "/status", service
    )


async def test_a_service_is_seen_with_its_revision(
    kserve_api: ApiServer, namespace: str, cluster: tuple[Cluster, list[Key]]
) -> None:
    watched, heard = cluster
    made = make(kserve_api, namespace)
    seen = await until(lambda: (s := watched.seen((namespace, "tomato"))) and s.settled and s)
    assert seen.token == made["metadata"]["resourceVersion"]
    assert seen.wanted_version == "v1"
    assert seen.traffic == {"tomato-predictor-00001": 100}
    assert seen.rolled_out == seen.created == seen.ready == "tomato-predictor-00001"
    assert seen.cannot_split == ""
    assert set(heard) == {(namespace, "tomato")}


async def test_a_new_version_is_wanted_before_kserve_has_taken_it_up(
    kserve_api: ApiServer, namespace: str, cluster: tuple[Cluster, list[Key]]
) -> None:
    watched, _ = cluster
    make(kserve_api, namespace)
    kserve_api.call(
        "PATCH",
        path(objects.KSERVE, namespace, "inferenceservices", "tomato"),
        {"spec": {"predictor": {"model": {"storageUri": "pvc://models/tomato/v2"}}}},
        "application/merge-patch+json",
    )
    seen = await until(
        lambda: (s := watched.seen((namespace, "tomato"))) and s.wanted_version == "v2" and s
    )
    assert not seen.settled
    newest = seen.newest
    assert newest is not None
    assert newest.version == "v1"
    # As soon as Knative's template has it, what was wanted is the very same.
    knative = path(objects.KNATIVE, namespace, "services", "tomato-predictor")
    of = objects.template("pvc://models/tomato/v2")
    kserve_api.call("PATCH", knative, {"spec": {"template": of}}, "application/merge-patch+json")
    made = objects.revision("tomato-predictor-00002", "tomato", of)
    kserve_api.call("POST", path(objects.KNATIVE, namespace, "revisions"), made)
    found = await until(
        lambda: watched.seen((namespace, "tomato")).revisions.get("tomato-predictor-00002")  # type: ignore[union-attr] # it is there
    )
    assert found.identity == seen.wanted_identity


async def test_a_pod_that_cannot_start_is_told_in_words(
    kserve_api: ApiServer, namespace: str, cluster: tuple[Cluster, list[Key]]
) -> None:
    watched, _ = cluster
    make(kserve_api, namespace)
    pods = path("/api/v1", namespace, "pods")
    name = "tomato-predictor-00001"
    made = kserve_api.call("POST", pods, objects.pod("p", "tomato", name))
    status = objects.pod_status("10.0.0.1", ready=False, restarts=3)
    status["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    status["containerStatuses"][0]["lastState"] = {
        "terminated": {"exitCode": 139, "reason": "Error", "message": "Segmentation fault"}
    }
    kserve_api.call("PUT", f"{pods}/p/status", {**made, "status": status})
    failing = await until(
        lambda: (s := watched.seen((namespace, "tomato"))) and s.newest and s.newest.failing
    )
    assert failing == (
        "container kserve-container: CrashLoopBackOff (Error, exit code 139: Segmentation fault)"
    )
    (found,) = watched.pods((namespace, "tomato"), [name])
    assert (found.address, found.restarts, found.ready) == ("10.0.0.1", 3, False)


async def test_what_was_deleted_while_the_api_server_was_away_is_gone(
    tmp_path: Path, metrics: ControllerMetrics
) -> None:
    server = ApiServer(tmp_path)
    try:
        server.start()
        install_all(server)
        namespace = new_namespace(server)
        make(server, namespace)
        heard: list[Key] = []
        connection = connect({"KUBECONFIG": str(server.kubeconfig)})
        async with Api(connection, metrics) as api:
            cluster = Cluster(api, namespace, metrics, heard.append)
            async with running(cluster.run()):
                await cluster.listed()
                assert cluster.seen((namespace, "tomato")) is not None
                watching = metrics.watching.labels("inferenceservices")
                await asyncio.to_thread(server.kill_api)
                await until(lambda: watching._value.get() == 0)
                # Meanwhile the last known stays; and somebody else deletes the service.
                assert cluster.seen((namespace, "tomato")) is not None
                await asyncio.to_thread(server.start_api)
                service = path(objects.KSERVE, namespace, "inferenceservices", "tomato")
                await asyncio.to_thread(server.call, "DELETE", service)
                await until(lambda: cluster.seen((namespace, "tomato")) is None)
                await until(lambda: watching._value.get() == 1)
        assert metrics.api_errors.labels("unreachable")._value.get() > 0
    finally:
        server.stop()
