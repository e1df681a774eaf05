import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.redis_server import RedisServer
from tests.integration.rollout.api_server import ApiServer, component_crds
from tests.integration.rollout.kserve_actor import KServeActor
from tests.integration.rollout.lab import Lab
from tests.integration.rollout.pod_pages import PodPages
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.connection import connect
from trellis.rollout.crds.definitions import definition
from trellis.rollout.resources import KINDS
from trellis.telemetry.metrics import ControllerMetrics


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real Kubernetes API, empty; whoever shares it keeps to a namespace of its own."""
    server = ApiServer(tmp_path_factory.mktemp("api-server"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kserve_api(api_server: ApiServer) -> ApiServer:
    """The same with the resources of KServe, Knative Serving and ours."""
    install_all(api_server)
    return api_server


def install_all(server: ApiServer) -> None:
    """The resources of KServe, Knative Serving and ours."""
    services = "charts/kserve-crd/templates/*_inferenceservices.yaml"
    server.install(component_crds("kserve", services))
    knative = component_crds("knative", "knative-crds.yaml")
    wanted = {"services.serving.knative.dev", "revisions.serving.knative.dev"}
    server.install(d for d in knative if d["metadata"]["name"] in wanted)
    server.install(definition(kind) for kind in KINDS)


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    """The name of a new namespace."""
    return new_namespace(api_server)


def new_namespace(server: ApiServer) -> str:
    name = f"test-{uuid.uuid4().hex[:8]}"
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def metrics() -> ControllerMetrics:
    return ControllerMetrics(CollectorRegistry())


@pytest.fixture
async def api(kserve_api: ApiServer, metrics: ControllerMetrics) -> AsyncIterator[Api]:
    """The administrator's connection."""
    connection = connect({"KUBECONFIG": str(kserve_api.kubeconfig)})
    async with Api(connection, metrics) as opened:
        yield opened


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A durable one of its own: all controllers' streams have one name."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def lab(kserve_api: ApiServer, namespace: str) -> AsyncIterator[Lab]:
    """A namespace in which somebody plays KServe; no controller runs yet."""
    async with opened_lab(kserve_api, namespace) as lab:
        yield lab


@contextlib.asynccontextmanager
async def opened_lab(server: ApiServer, namespace: str) -> AsyncIterator[Lab]:
    pages = PodPages()
    await pages.start()
    try:
        async with KServeActor(server, namespace, pages) as actor:
            yield Lab(server, namespace, actor, pages)
    finally:
        await pages.close()
