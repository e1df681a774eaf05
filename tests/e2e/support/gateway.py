"""charts/trellis with a gateway, and a client that tries again what may be tried again."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

import aiohttp

from scripts.cluster.preflight import engine
from scripts.cluster.program import Program
from scripts.cluster.settings import DOMAIN, NAMESPACE
from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.processes import chart
from tests.e2e.support.services import has_begun, is_ending, is_ready
from tests.e2e.support.waiting import NotYet, wait_for
from tests.integration.beside import AsyncBeside
from trellis.contracts.routing_table import RoutingTable

Result = TypeVar("Result")

RELEASE = "trellis"
NOTHING: Mapping[str, str] = MappingProxyType({})
#: What says that nothing was done, or that who did it is gone: a request without effect, or with an
#: idempotency key, is sent again.
AGAIN = frozenset({502, 503, 504})
_TRIES = 8
_PATIENCE = 120.0


@dataclass(frozen=True)
class Reply:
    """An answer, and how many times it was asked for."""

    status: int
    body: bytes
    tries: int = 1

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Gateway:
    """A release of the chart, reached through the ingress by ``host`` with an API ``key``."""

    kube: Kube
    namespace: str
    host: str
    key: str = ""

    @property
    def url(self) -> str:
        """The ingress on this machine."""
        return f"http://127.0.0.1:{self.kube.settings.http_port}"

    @property
    def headers(self) -> dict[str, str]:
        """What each request has."""
        own = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return {"host": self.host, "content-type": "application/json", **own}

    @property
    def table(self) -> RoutingTable:
        """The routing table as the chart wrote it."""
        return self._table("trellis-routing-table")

    @property
    def controllers_table(self) -> RoutingTable:
        """The routing table as the controller keeps it."""
        return self._table("trellis-controller-table")

    def _table(self, config_map: str) -> RoutingTable:
        found = self.kube.get("configmap", config_map, self.namespace)
        return RoutingTable.model_validate_json(found["data"]["routing-table.json"])

    def every_pod(self, component: str) -> list[Document]:
        """Pods of the gateway or of its workers, those that begin or end included."""
        labels = f"app.kubernetes.io/component={component},app.kubernetes.io/part-of=trellis"
        return self.kube.all("pods", self.namespace, labels)

    def pods(self, component: str) -> list[Document]:
        """Pods of the gateway or of its workers that are ready and not ending."""
        return [pod for pod in self.every_pod(component) if is_ready(pod) and not is_ending(pod)]

    def until_pods(self, component: str, *, gone: str = "", least: int = 1) -> list[Document]:
        """Wait until at least so many pods are ready, and one of the name ``gone`` is none of them."""

        def look() -> list[Document]:
            found = self.pods(component)
            names = [pod["metadata"]["name"] for pod in found]
            if len(names) < least or gone in names:
                raise NotYet(f"ready are {names}")
            return found

        return wait_for(f"{least} pods of the {component}", look, _PATIENCE)

    def until_none(self, component: str) -> None:
        """Wait until no pod is there, ready or ending."""

        def look() -> None:
            if found := [pod["metadata"]["name"] for pod in self.every_pod(component)]:
                raise NotYet(f"there are {found}")

        wait_for(f"no pod of the {component}", look, _PATIENCE)

    def until_begun(self, component: str) -> list[Document]:
        """Wait until there are pods, and the processes of all of them run, ready or not."""

        def look() -> list[Document]:
            found = self.every_pod(component)
            if not found or not all(has_begun(pod) for pod in found):
                raise NotYet(f"there are {[pod['metadata']['name'] for pod in found]}")
            return found

        return wait_for(f"processes of the {component}", look, _PATIENCE)

    def kill(self, pod: Document) -> str:
        """Take a pod away at once, as a node that dies does; gives its name."""
        name: str = pod["metadata"]["name"]
        self.kube.run(
            "delete", "pod", name, "--namespace", self.namespace, "--grace-period=0", "--force"
        )
        return name

    def kill_process(self, pod: Document) -> None:
        """Kill the process of a pod's one container on its node, which starts another in its place.

        Unlike a pod that is deleted, even by force, it hears of nothing before.
        """
        docker = engine().docker
        node: str = pod["spec"]["nodeName"]
        [container] = pod["status"]["containerStatuses"]
        identity = container["containerID"].removeprefix("containerd://")
        told = json.loads(docker("exec", node, "crictl", "inspect", "--output", "json", identity))
        docker("exec", node, "sh", "-c", f"kill -9 {int(told['info']['pid'])}")

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """One request by itself, tried once; underscores of a header's name are dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def run() -> Reply:
            async with _session() as session:
                return await self.send(session, method, path, body, named, tries=1)

        return asyncio.run(run())

    async def send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] = NOTHING,
        tries: int = _TRIES,
    ) -> Reply:
        """One request, tried again after a broken connection or a status of ``AGAIN``.

        Raises ``aiohttp.ClientError`` or ``TimeoutError`` where the last try had no answer.
        """
        for number in range(1, tries + 1):
            try:
                async with session.request(
                    method, self.url + path, data=body, headers={**self.headers, **headers}
                ) as answer:
                    content = await answer.read()
            except (aiohttp.ClientError, TimeoutError):
                if number == tries:
                    raise
            else:
                if answer.status not in AGAIN or number == tries:
                    return Reply(answer.status, content, number)
            await asyncio.sleep(min(0.2 * 2**number, 3))
        raise ValueError(f"tries is {tries}; it is 1 or more")


@dataclass
class Steady(AsyncBeside):
    """A context that calls ``one`` ``rate`` times a second, each call by itself, while it is open.

    ``one`` gets the session and the call's number; an exception of it is kept as a failure.
    """

    one: Callable[[aiohttp.ClientSession, int], Awaitable[None]]
    rate: float
    sent: int = 0
    failures: list[str] = field(default_factory=list)

    async def _send(self) -> None:
        begin = time.monotonic()
        async with _session() as session, asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                group.create_task(self._kept(session, self.sent))
                self.sent += 1
                await asyncio.sleep(max(0.0, begin + self.sent / self.rate - time.monotonic()))

    async def _kept(self, session: aiohttp.ClientSession, number: int) -> None:
        try:
            await self.one(session, number)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            self.failures.append(f"{number}: {error!r}")


def each(
    calls: list[Callable[[aiohttp.ClientSession], Awaitable[Result]]], at_once: int = 8
) -> list[Result]:
    """What calls give, in their order, so many of them at once."""

    async def run() -> list[Result]:
        turns = asyncio.Semaphore(at_once)

        async def one(call: Callable[[aiohttp.ClientSession], Awaitable[Result]]) -> Result:
            async with turns:
                return await call(session)

        async with _session() as session:
            return await asyncio.gather(*(one(call) for call in calls))

    return asyncio.run(run())


def install(kube: Kube, helm: Program, namespace: str, values: Mapping[str, Any]) -> None:
    """Install or upgrade charts/trellis, with the Redis of the cluster's own release."""
    redis = kube.get("statefulset", "trellis-redis", NAMESPACE)["spec"]["template"]["spec"]
    own = {
        "runtimes": {"install": []},
        "crds": {"install": False},
        "redis": {"image": redis["containers"][0]["image"], "durable": {"storage": ""}},
        **values,
    }
    helm(
        "upgrade", "--install", RELEASE, str(chart("trellis")), "--namespace", namespace,
        "--values", "-", "--wait", "--timeout", "180s", text=json.dumps(own),
    )  # fmt: skip


def new_key(kube: Kube, namespace: str) -> str:
    """A key for inference without a limit, made as the chart's notes say."""
    told = kube.run(
        "exec", "deploy/trellis-gateway", "--namespace", namespace, "--",
        "python", "-m", "trellis.cli", "keys", "create", "--name=e2e", "--scopes=infer", "--rate=0",
    )  # fmt: skip
    return told.strip()


def host(name: str) -> str:
    """A host name that the ingress' certificate covers."""
    return f"{name}.{NAMESPACE}.{DOMAIN}"


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
    )
