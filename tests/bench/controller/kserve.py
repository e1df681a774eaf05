"""KServe, Knative and kubelets for many InferenceServices at once: they act where something changed."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.controller import objects
from tests.bench.controller.pages import PodPages
from tests.integration.rollout import objects as people
from tests.integration.rollout.objects import KNATIVE, KSERVE, path
from tests.unit.rollout.plan.kserve_model import KServeModel, Template
from trellis.rollout.cluster.api import MERGE, Api
from trellis.rollout.errors import ApiUnreachable, Conflict
from trellis.rollout.queue import PassQueue

#: Services that are looked after at once.
AT_ONCE = 16


@dataclass
class Played:
    """One InferenceService: addresses of pods and what was written, by revision."""

    model: KServeModel
    uid: str = ""
    pods: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    told: dict[str, Any] = field(default_factory=dict)


class PlayedKServe:
    """Of one namespace; each service is asked ``rate`` requests a second.

    A sink of what is heard of InferenceServices: run ``work`` beside its ``Informer``.
    """

    def __init__(self, api: Api, namespace: str, pages: PodPages, rate: float) -> None:
        self._api, self.namespace, self._pages, self._rate = api, namespace, pages, rate
        self.services: dict[str, Played] = {}
        self._heard: dict[str, Mapping[str, Any]] = {}
        self._queue: PassQueue[str] = PassQueue()
        self._waiting: dict[tuple[str, int], asyncio.Future[float]] = {}
        self._changed = asyncio.Event()

    async def begin(self, name: str) -> None:
        """A service that serves v1, of which v0 is the revision before: all that a cluster has of it."""
        served = Played(KServeModel(Template("v0")))
        for version in ("v0", "v1"):
            served.model.template = Template(version)
            _settle(served.model)
        document = people.inference_service(name, "v1")
        made = await self._api.call("POST", self._path(KSERVE, "inferenceservices"), document)
        served.uid = made["metadata"]["uid"]
        await self._write(name, served)
        self.services[name] = served

    def address(self, name: str, version: str) -> str:
        """Of the pod that serves a version."""
        served = self.services[name]
        revisions = served.model.revisions.items()
        return next(served.pods[key] for key, of in revisions if of.version == version)

    def weight_is(self, name: str, weight: int) -> "asyncio.Future[float]":
        """When it is heard that the InferenceService's weight is this, by the monotonic clock."""
        return self._waiting.setdefault((name, weight), asyncio.get_running_loop().create_future())

    async def until_split(self, names: Iterable[str], weight: int) -> None:
        """Wait until each service's newest revision has this share of its traffic."""
        for name in names:
            model = self.services[name].model
            while model.status_traffic.get(model.created or "") != weight:
                self._changed.clear()
                await self._changed.wait()

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """All InferenceServices."""
        for one in objects:
            self.put(one)

    def put(self, changed: Mapping[str, Any]) -> None:
        """One of them changed."""
        name = changed["metadata"]["name"]
        weight = changed["spec"]["predictor"].get("canaryTrafficPercent")
        waiting = self._waiting.pop((name, weight), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(time.monotonic())
        self._heard[name] = changed["spec"]["predictor"]
        if name in self.services:
            self._queue.add(name)

    def drop(self, gone: Mapping[str, Any]) -> None:
        """Nobody deletes any here."""
        raise AssertionError(gone["metadata"]["name"])

    async def work(self) -> None:
        """Follow what is heard, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            name = await self._queue.get()
            served, predictor = self.services[name], self._heard[name]
            version = predictor["model"]["storageUri"].rpartition("/")[2]
            served.model.template = Template(version)
            served.model.weight = predictor.get("canaryTrafficPercent")
            _settle(served.model)
            try:
                await self._write(name, served)
            except ApiUnreachable:  # it has too much to do
                self._queue.add(name, 1.0)
            self._queue.done(name)
            self._changed.set()

    async def _write(self, name: str, served: Played) -> None:
        """What of the service is not written yet."""
        model = served.model
        of = {revision: _template(name, template) for revision, template in model.revisions.items()}
        assert model.created is not None
        await self._write_knative(name, served, of[model.created])
        for revision in of.keys() - served.made:
            await self._write_revision(name, served, revision, of[revision])
        for revision in model.traffic.keys() - served.pods.keys():
            await self._start_pod(name, served, revision)
        for revision, address in served.pods.items():
            rate = self._rate * model.traffic.get(revision, 0) / 100
            self._pages.pods[address].traffic.change(time.monotonic(), rate=rate)
        await self._write_status(name, served)

    async def _write_knative(self, name: str, served: Played, template: dict[str, Any]) -> None:
        if served.told.get("knative") == template:
            return
        service = {"metadata": {"name": name, "uid": served.uid}}
        document = people.knative_service(service, template)
        if served.told:
            where = self._path(KNATIVE, "services", f"{name}-predictor")
            await self._api.call("PATCH", where, {"spec": document["spec"]}, content_type=MERGE)
        else:
            await self._api.call("POST", self._path(KNATIVE, "services"), document)
        served.told["knative"] = template

    async def _write_revision(
        self, name: str, served: Played, revision: str, template: dict[str, Any]
    ) -> None:
        full = _named(name, revision)
        document = objects.revision(full, name, template)
        await self._make(self._path(KNATIVE, "revisions"), document)
        await self._tell(self._path(KNATIVE, "revisions", full), objects.revision_status())
        served.made.add(revision)

    async def _start_pod(self, name: str, served: Played, revision: str) -> None:
        full, version = _named(name, revision), served.model.revisions[revision].version
        pods = self._path("/api/v1", "pods")
        await self._make(pods, objects.pod(f"{full}-pod", name, full))
        address = await self._pages.start(self._host(name), full, version)
        await self._tell(f"{pods}/{full}-pod", objects.pod_status(address))
        served.pods[revision] = address

    async def _write_status(self, name: str, served: Played) -> None:
        model = served.model
        component = {
            "latestCreatedRevision": _named(name, model.status_created),
            "latestReadyRevision": _named(name, model.status_ready),
            "latestRolledoutRevision": _named(name, model.rolled_out),
            "previousRolledoutRevision": _named(name, model.previous),
        }
        traffic = {_named(name, key): percent for key, percent in model.status_traffic.items()}
        status = objects.service_status(self._host(name), component, traffic)
        if status != served.told.get("status"):
            await self._tell(self._path(KSERVE, "inferenceservices", name), status)
            served.told["status"] = status

    async def _make(self, where: str, document: dict[str, Any]) -> None:
        with contextlib.suppress(Conflict):  # an answer that did not come in time: it was made
            await self._api.call("POST", where, document)

    async def _tell(self, where: str, status: dict[str, Any]) -> None:
        await self._api.call("PATCH", f"{where}/status", {"status": status}, content_type=MERGE)

    def _path(self, group: str, plural: str, name: str = "") -> str:
        return path(group, self.namespace, plural, name)

    def _host(self, name: str) -> str:
        return f"{name}-predictor.{self.namespace}.svc.cluster.local"


def _settle(model: KServeModel) -> None:
    """All that they do at one change, every version starting at once."""
    model.reconcile()
    model.configure()
    if model.created is not None and model.created not in model.ready:
        model.start(model.created)
    model.settle()


def _named(service: str, revision: str | None) -> str:
    return f"{service}-predictor-{revision.removeprefix('r-')}" if revision else ""


def _template(service: str, of: Template) -> dict[str, Any]:
    return objects.template(f"pvc://models/{service}/{of.version}", service)
