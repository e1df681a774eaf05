"""The whole around one controller: a real API server with everything in it, and who plays the rest."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any

from prometheus_client import CollectorRegistry

from tests.bench.controller.kserve import PlayedKServe
from tests.bench.controller.pages import PodPages
from tests.bench.measure import Tell
from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.conftest import install_all
from tests.integration.rollout.objects import KSERVE, TRELLIS, path
from trellis.rollout.cluster.api import MERGE, Api
from trellis.rollout.cluster.connection import connect
from trellis.rollout.cluster.informer import Informer
from trellis.rollout.cluster.knative import SERVICES
from trellis.rollout.errors import ApiUnreachable
from trellis.telemetry.metrics import ControllerMetrics

NAMESPACE = "many"
#: A step that lasts longer than the measurement, at a weight with traffic enough on both sides.
WEIGHT = 20
STEPS = ({"weight": WEIGHT, "minimumTime": "2h"}, {"weight": 50})
#: Calls at once of those who set it up.
_AT_ONCE = 32
#: Of one person to change one service.
_TRIES = 5


class World:
    """Services with a Rollout each, of which nothing is new; ``names`` are theirs."""

    def __init__(self, api: Api, kserve: PlayedKServe, pages: PodPages, tell: Tell) -> None:
        self._api, self.kserve, self.pages, self._tell = api, kserve, pages, tell
        self.names: tuple[str, ...] = ()

    async def fill(self, services: int) -> None:
        """Write all objects of so many services."""
        self.names = tuple(f"model-{number:04d}" for number in range(services))
        await self._each(self.names, self._begin, "services written")

    async def begin_steps(self, names: Iterable[str]) -> None:
        """Somebody asks for v2 in these, and each comes to its first step."""
        wanted = list(names)
        await self._each(wanted, self._ask, "new versions asked for")
        async with asyncio.timeout(60 + len(wanted)):
            await self.kserve.until_split(wanted, WEIGHT)
        self._tell(f"{len(wanted)} are in their first step")

    async def _begin(self, name: str) -> None:
        await self.kserve.begin(name)
        document = objects.rollout(name, name, steps=STEPS)
        await self._api.call("POST", path(TRELLIS, NAMESPACE, "rollouts"), document)

    async def _ask(self, name: str) -> None:
        source = {"model": {"storageUri": f"pvc://models/{name}/v2"}}
        where = path(KSERVE, NAMESPACE, "inferenceservices", name)
        patch = {"spec": {"predictor": source}}
        for _ in range(_TRIES):
            try:
                await self._api.call("PATCH", where, patch, content_type=MERGE)
            except ApiUnreachable as error:  # as where the webhook took longer than it may
                self._tell(f"{name}: {error}")
            else:
                return
        raise RuntimeError(f"{name} was not given v2 in {_TRIES} tries")

    async def _each(self, names: Iterable[str], do: Any, what: str) -> None:
        places, done = asyncio.Semaphore(_AT_ONCE), 0

        async def one(name: str) -> None:
            nonlocal done
            async with places:
                await do(name)
            done += 1
            if done % 100 == 0:
                self._tell(f"{done} {what}")

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))


@contextlib.asynccontextmanager
async def opened(server: ApiServer, rate: float, tell: Tell) -> AsyncIterator[World]:
    """Nothing in it yet; each service will be asked ``rate`` requests a second."""
    await asyncio.to_thread(install_all, server)
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    metrics = ControllerMetrics(CollectorRegistry())
    connection = connect({"KUBECONFIG": str(server.kubeconfig)})
    pages = PodPages()
    async with Api(connection, metrics) as api:
        kserve = PlayedKServe(api, NAMESPACE, pages, rate)
        informer = Informer(api, SERVICES, NAMESPACE, kserve, metrics)
        try:
            async with _beside(informer.run(), kserve.work()):
                yield World(api, kserve, pages, tell)
        finally:
            pages.close()


@contextlib.asynccontextmanager
async def _beside(*endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """All run for the length of the block; one that fails ends it."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in endless]
        yield
        for task in tasks:
            task.cancel()
