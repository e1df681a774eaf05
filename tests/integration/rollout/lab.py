"""A controller, its InferenceServices and their pods, on a real API server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from tests.integration.ports import free_ports
from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiError, ApiServer
from tests.integration.rollout.kserve_actor import KServeActor
from tests.integration.rollout.objects import path
from tests.integration.rollout.pod_pages import PodPages
from tests.integration.rollout.waiting import PATIENCE, until
from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.connection import connect
from trellis.rollout.events.following import open_redis
from trellis.rollout.http.tables import TableServer
from trellis.rollout.metrics.scrape import DirectScrape
from trellis.rollout.notifications.notifier import open_notifier
from trellis.rollout.passes import ClusterPasses
from trellis.rollout.settings import Settings
from trellis.rollout.webhook.governing import governed_by
from trellis.rollout.webhook.keeper import SecretKeeper
from trellis.rollout.webhook.server import WebhookServer
from trellis.telemetry.metrics import ControllerMetrics

STEPS = [{"weight": w, "minimumTime": "1s"} for w in (5, 20, 50)]
ERRORS = [{"metric": "errors", "margin": {"ratio": 1.5}, "negligible": "1%"}]
MERGE = "application/merge-patch+json"


class Lab:
    """One namespace; what people do in it, and what they see."""

    def __init__(
        self, server: ApiServer, namespace: str, actor: KServeActor, pages: PodPages
    ) -> None:
        self.server, self.namespace, self.actor, self.pages = server, namespace, actor, pages
        self.metrics = ControllerMetrics(CollectorRegistry())
        self.cluster: Cluster | None = None  #: what the controller now running has heard

    def path(self, group: str, plural: str, name: str = "") -> str:
        return path(group, self.namespace, plural, name)

    async def call(self, *arguments: Any) -> Any:
        return await asyncio.to_thread(self.server.call, *arguments)

    async def applies(
        self,
        version: str,
        weight: int | None = None,
        manager: str = "git",
        name: str = "tomato",
        arm_of: str | None = None,
        **notes: str,
    ) -> None:
        """Somebody applies the manifest of an InferenceService server-side."""
        document = objects.inference_service(name, version, weight, **notes)
        if arm_of is not None:
            document["metadata"]["labels"] = {"trellis.dev/arm-of": arm_of}
        where = self.path(objects.KSERVE, "inferenceservices", name)
        await asyncio.to_thread(self.server.apply, where, document, manager)

    async def sets_weight(self, weight: int | None) -> None:
        """Somebody patches the weight by hand."""
        where = self.path(objects.KSERVE, "inferenceservices", "tomato")
        patch = {"spec": {"predictor": {"canaryTrafficPercent": weight}}}
        await self.call("PATCH", where, patch, MERGE)

    async def rolls_out(self, name: str = "tomato", **spec: Any) -> None:
        """Somebody applies a Rollout of tomato."""
        whole = {"steps": STEPS, "guardrails": ERRORS, **spec}
        where = self.path(objects.TRELLIS, "rollouts")
        await self.call("POST", where, objects.rollout(name, "tomato", **whole))

    async def compares(self, name: str = "leaves", **spec: Any) -> None:
        """Somebody applies an Experiment of v1 in tomato and v2 in tomato-b."""
        services = {"v1": "tomato", "v2": "tomato-b"}
        whole = {"services": services, "attributionWindow": "5s", **spec}
        where = self.path(objects.TRELLIS, "experiments", name)
        document = objects.experiment(name, "tomato", **whole)
        await asyncio.to_thread(self.server.apply, where, document, "git", force=True)

    def compared(self, name: str = "leaves") -> dict[str, Any]:
        """What `kubectl get` shows of an Experiment."""
        found = self.server.call("GET", self.path(objects.TRELLIS, "experiments", name))
        return found.get("status") or {}

    async def until_compared(self, phase: str, name: str = "leaves") -> dict[str, Any]:
        """The Experiment's status as soon as it is in this phase."""

        def reached() -> dict[str, Any] | None:
            status = self.compared(name)
            return status if status.get("phase") == phase else None

        try:
            return await until(reached)
        except AssertionError:
            status = self.compared(name)
            telling = {k: v for k, v in status.items() if k not in {"evidence", "trace"}}
            raise AssertionError(json.dumps(telling)) from None

    def kept_table(self) -> RoutingTable:
        """The routing table as the cluster keeps it; without models where it keeps none."""
        where = self.path("/api/v1", "configmaps", "trellis-controller-table")
        try:
            text = self.server.call("GET", where)["data"]["routing-table.json"]
        except (ApiError, KeyError):
            return RoutingTable(version=0)
        return RoutingTable.model_validate_json(text)

    async def until_kept(self, condition: Callable[[RoutingTable], object]) -> RoutingTable:
        """The kept table as soon as the condition holds."""

        def reached() -> RoutingTable | None:
            table = self.kept_table()
            return table if condition(table) else None

        return await until(reached)

    async def asks(self, identifier: str, do: str) -> None:
        """Somebody writes a command into the annotation."""
        command = json.dumps({"id": identifier, "do": do, "actor": "ann"})
        where = self.path(objects.TRELLIS, "rollouts", "tomato")
        patch = {"metadata": {"annotations": {"trellis.dev/command": command}}}
        await self.call("PATCH", where, patch, MERGE)

    def status(self, name: str = "tomato") -> dict[str, Any]:
        """What `kubectl get` shows."""
        found = self.server.call("GET", self.path(objects.TRELLIS, "rollouts", name))
        return found.get("status") or {}

    async def until_phase(self, *phases: str, version: str | None = None) -> dict[str, Any]:
        """The status as soon as it is in one of these phases, of that version where one is named."""

        def reached() -> dict[str, Any] | None:
            status = self.status()
            side = status.get("canary") or status.get("stable") or {}
            right = version is None or side.get("version") == version
            return status if status.get("phase") in phases and right else None

        try:
            return await until(reached)
        except AssertionError:
            status = self.status()
            telling = {k: v for k, v in status.items() if k not in {"evidence", "conditions"}}
            raise AssertionError(json.dumps(telling)) from None

    async def until_heard(self, revision: str, share: int) -> None:
        """Wait until the controller has heard that a revision's share, in percent, took effect."""
        async with asyncio.timeout(PATIENCE):
            while True:
                seen = self.cluster and self.cluster.seen((self.namespace, "tomato"))
                if seen and seen.traffic.get(revision) == share:
                    return
                await asyncio.sleep(0.02)

    def weight(self) -> int | None:
        """The weight in the spec."""
        where = self.path(objects.KSERVE, "inferenceservices", "tomato")
        weight: int | None = self.server.call("GET", where)["spec"]["predictor"].get(
            "canaryTrafficPercent"
        )
        return weight

    def events(self, kind: str = "Rollout") -> list[str]:
        """Reasons of the Events about the Rollout, or the Experiment, in their order."""
        listed = self.server.call("GET", self.path("/api/v1", "events"))["items"]
        listed.sort(key=lambda event: event["metadata"]["name"])
        return [event["reason"] for event in listed if event["involvedObject"]["kind"] == kind]

    async def until_admitted(self) -> None:
        """Wait until the API server asks the webhook, which a dry run shows."""
        where = self.path(objects.KSERVE, "inferenceservices", "tomato")
        document = objects.inference_service("tomato", "some-other")

        def held() -> bool:
            dry = f"{where}?dryRun=All"
            query = f"{dry}&fieldManager=git&force=true"
            kind = "application/apply-patch+yaml"
            found = self.server.call("PATCH", query, document, kind)
            return bool(found["spec"]["predictor"].get("canaryTrafficPercent") == 0)

        await until(held)

    @contextlib.asynccontextmanager
    async def _webhook(self, api: Api, cluster: Cluster) -> AsyncIterator[None]:
        port = free_ports(1)[0]
        base = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        rule = {
            "apiGroups": ["serving.kserve.io"],
            "apiVersions": ["v1beta1"],
            "operations": ["UPDATE"],
            "resources": ["inferenceservices"],
        }
        hook = {
            "name": "inferenceservices.trellis.dev",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "timeoutSeconds": 5,
            "clientConfig": {"url": f"https://localhost:{port}/admit"},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
        }
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": self.namespace},
            "webhooks": [hook],
        }
        where = f"{base}/{self.namespace}"
        await asyncio.to_thread(self.server.apply, where, configuration, "tests", force=True)
        keeper = SecretKeeper(api, self.namespace, "certificate", "localhost", self.namespace)
        server = WebhookServer(keeper, governed_by(cluster), cluster.listed, self.metrics)
        await server.start("127.0.0.1", port)
        try:
            yield
        finally:
            await server.close()

    @contextlib.asynccontextmanager
    async def controller(
        self,
        interval: float = 0.1,
        *,
        webhook: bool = True,
        passes: bool = True,
        redis: str = "",
        tables: TableServer | None = None,
        told: str = "",
    ) -> AsyncIterator[None]:
        """A controller, or its webhook alone, for the length of the block; it ends as suddenly as it
        can. It reads gateways' events from ``redis``, an address, offers its table by ``tables`` and
        tells ``told``, an address, of each step.
        """
        connection = connect({"KUBECONFIG": str(self.server.kubeconfig)})
        settings = Settings(_env_file=None, namespace=self.namespace)
        async with (
            Api(connection, self.metrics) as api,
            aiohttp.ClientSession() as session,
            open_redis(redis) if redis else contextlib.nullcontext() as events,
            open_notifier(SecretStr(told) if told else None, None, self.metrics) as notifier,
        ):
            made = ClusterPasses(
                api,
                settings,
                self.namespace,
                tables or TableServer(),
                session,
                lambda cluster: lambda _: DirectScrape(session, self._pods_of(cluster)),
                notifier,
                self.metrics,
                events,
                interval,
            )
            self.cluster = made.cluster
            task = asyncio.create_task(made.run() if passes else made.cluster.run())
            try:
                hook = self._webhook(api, made.cluster) if webhook else contextlib.nullcontext()
                async with hook:
                    yield
                assert not task.done(), task.exception()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _pods_of(self, cluster: Cluster) -> Any:
        async def pods(service: str, revisions: Any) -> Any:
            return cluster.pods((self.namespace, service), revisions)

        return pods
