"""A controller, its InferenceServices and their pods, on a real API server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiServer, free_ports
from tests.integration.rollout.kserve_actor import KServeActor
from tests.integration.rollout.objects import path
from tests.integration.rollout.pod_pages import PodPages
from tests.integration.rollout.waiting import PATIENCE, until
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.connection import connect
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.knative import KnativeWeights
from trellis.rollout.cluster.voice import ClusterVoice
from trellis.rollout.controller import Controller
from trellis.rollout.metrics.scrape import DirectScrape
from trellis.rollout.notifications.notifier import Notifier
from trellis.rollout.plan import GatewaysSeen
from trellis.rollout.plan.decision import Table
from trellis.rollout.reconcile import Reconciler
from trellis.rollout.seen import ServiceSeen
from trellis.rollout.webhook.governing import governed_by
from trellis.rollout.webhook.keeper import SecretKeeper
from trellis.rollout.webhook.server import WebhookServer
from trellis.telemetry.metrics import ControllerMetrics

STEPS = [{"weight": w, "minimumTime": "1s"} for w in (5, 20, 50)]
ERRORS = [{"metric": "errors", "margin": {"ratio": 1.5}, "negligible": "1%"}]
MERGE = "application/merge-patch+json"


class NoGateways:
    """Nobody follows the routing table."""

    async def follow(
        self, key: Key, seen: ServiceSeen | None, status: RolloutStatus, hosts: Table
    ) -> None:
        """Nobody to tell."""

    def seen(self, key: Key) -> GatewaysSeen:
        """Nobody holds it."""
        return GatewaysSeen()


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
        self, version: str, weight: int | None = None, manager: str = "git", **notes: str
    ) -> None:
        """Somebody applies the manifest of tomato server-side."""
        document = objects.inference_service("tomato", version, weight, **notes)
        where = self.path(objects.KSERVE, "inferenceservices", "tomato")
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

    def events(self) -> list[str]:
        """Reasons of the Events about the Rollout, in their order."""
        listed = self.server.call("GET", self.path("/api/v1", "events"))["items"]
        listed.sort(key=lambda event: event["metadata"]["name"])
        return [event["reason"] for event in listed if event["involvedObject"]["kind"] == "Rollout"]

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
        self, interval: float = 0.1, *, webhook: bool = True, passes: bool = True
    ) -> AsyncIterator[None]:
        """A controller, or its webhook alone, for the length of the block; it ends as suddenly as it
        can.
        """
        connection = connect({"KUBECONFIG": str(self.server.kubeconfig)})
        async with Api(connection, self.metrics) as api, aiohttp.ClientSession() as session:

            async def pods(service: str, revisions: Any) -> Any:
                return cluster.pods((self.namespace, service), revisions)

            def due(service: Key) -> None:
                for found in cluster.rollouts.of(service):
                    controller.due(found.key)

            cluster = self.cluster = Cluster(api, self.namespace, self.metrics, due)
            source = DirectScrape(session, pods)
            reconciler = Reconciler(
                cluster,
                ClusterVoice(api, cluster, "test"),
                KnativeWeights(api),
                lambda _: source,
                NoGateways(),
                Notifier([]),
                self.metrics,
                interval,
            )
            controller = Controller(reconciler, self.metrics)
            tasks = [asyncio.create_task(cluster.run())]
            if passes:
                tasks.append(asyncio.create_task(controller.run(cluster)))
            try:
                async with self._webhook(api, cluster) if webhook else contextlib.nullcontext():
                    yield
                for task in tasks:
                    assert not task.done(), task.exception()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
