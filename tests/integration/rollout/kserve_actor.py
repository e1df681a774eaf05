"""KServe, Knative and a kubelet in the place of the real ones: they follow the measured semantics
(``tests/unit/rollout/plan/kserve_model.py``) on the objects of a real API server.
"""

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiError, ApiServer
from tests.integration.rollout.objects import path
from tests.integration.rollout.pod_pages import PodPages
from tests.unit.rollout.plan.kserve_model import KServeModel, Template

TAG_ROUTING = "serving.kserve.io/enable-tag-routing"
#: Seconds between two rounds.
ROUND = 0.05


@dataclass
class Behaviour:
    """What a version does: its share of errors, whether it starts, and whether its pods die."""

    errors: float = 0.0
    starts: bool = True
    dies_each: int = 0  # requests after which a container ends, and its own counters with it


@dataclass
class Tomato:
    """One InferenceService and what was made of it."""

    model: KServeModel
    uid: str
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    knative: bool = False
    written: Any = None
    served: dict[str, float] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)


class KServeActor:
    """Looks after the InferenceServices of one namespace, in a thread.

    ``model_names`` are what services are told by ``--model_name`` where that is not their own.
    ``answers`` counts all requests ever, by version; ``shares`` are the traffic that a service ever
    had, in the order it came.
    """

    def __init__(
        self, server: ApiServer, namespace: str, pages: PodPages, requests: float = 20_000
    ) -> None:
        self._server, self.namespace, self._pages = server, namespace, pages
        self.requests = requests  # of a round, to each service
        self.behaviour: dict[str, Behaviour] = {}
        self.model_names: dict[str, str] = {}
        self.answers: dict[str, float] = {}
        self.shares: dict[str, list[dict[str, int]]] = {}
        self._known: dict[str, Tomato] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        # It may wait for a page, which this very loop gives it.
        await asyncio.to_thread(self._thread.join, 30)
        assert self.failure is None, self.failure

    def _run(self) -> None:
        while not self._stop.wait(ROUND):
            try:
                self._round()
            except (ApiError, OSError):
                continue  # the API server is away, or an object changed meanwhile: again
            except BaseException as error:  # noqa: BLE001 - told to the test when the block ends
                self.failure = error
                return

    def _round(self) -> None:
        listed = self._server.call("GET", self._path(objects.KSERVE, "inferenceservices"))
        for service in listed["items"]:
            self._look_after(service)

    def _path(self, group: str, plural: str, name: str = "") -> str:
        return path(group, self.namespace, plural, name)

    def _look_after(self, service: dict[str, Any]) -> None:
        name = service["metadata"]["name"]
        predictor = service["spec"]["predictor"]
        version = predictor["model"]["storageUri"].rpartition("/")[2]
        annotations = service["metadata"].get("annotations") or {}
        note = str({k: v for k, v in annotations.items() if "last-applied" not in k})
        template = Template(version, predictor["model"].get("image", "a"), note)
        tomato = self._known.get(name)
        if tomato is None or tomato.uid != service["metadata"]["uid"]:
            tomato = Tomato(KServeModel(template), service["metadata"]["uid"])
            self._known[name] = tomato
        model = tomato.model
        model.template, model.weight = template, predictor.get("canaryTrafficPercent")
        model.tag_routing = annotations.get(TAG_ROUTING) == "true"
        model.reconcile()
        self._write_knative(service, tomato)
        model.configure()
        self._start_newest(name, tomato)
        model.route()
        model.reconcile()
        if not self.shares.get(name) or self.shares[name][-1] != model.traffic:
            self.shares.setdefault(name, []).append(model.traffic)
        self._serve(name, tomato)
        self._write_status(service, tomato)

    def _named(self, service: str, revision: str) -> str:
        return f"{service}-predictor-{revision.removeprefix('r-')}"

    def _template(self, service: str, of: Template) -> dict[str, Any]:
        source = f"pvc://models/{service}/{of.version}"
        model = self.model_names.get(service, service)
        return objects.template(source, f"trellis/predictor:{of.image}", of.note, model)

    def _write_knative(self, service: dict[str, Any], tomato: Tomato) -> None:
        name, wanted = service["metadata"]["name"], tomato.model.wanted
        assert wanted is not None
        document = objects.knative_service(service, self._template(name, wanted))
        if tomato.knative != document["spec"]:
            where = self._path(objects.KNATIVE, "services", f"{name}-predictor")
            self._server.apply(where, document, "kserve", force=True)
            tomato.knative = document["spec"]

    def _start_newest(self, name: str, tomato: Tomato) -> None:
        """A revision of the newest template, its pod, and both ready where the version starts."""
        model = tomato.model
        revision = model.created
        if revision is None:
            return
        behaviour = self._behaviour(model.revisions[revision].version)
        if revision not in tomato.pods:
            self._make(name, tomato, revision)
            self._tell_pod(name, tomato, revision, ready=behaviour.starts)
        if behaviour.starts and revision not in model.ready:
            model.start(revision)
            self._tell_revision(name, revision)
            self._tell_pod(name, tomato, revision, ready=True)

    def _behaviour(self, version: str) -> Behaviour:
        return self.behaviour.get(version, Behaviour())

    def _make(self, name: str, tomato: Tomato, revision: str) -> None:
        full = self._named(name, revision)
        of = self._template(name, tomato.model.revisions[revision])
        revisions = self._path(objects.KNATIVE, "revisions")
        with contextlib.suppress(ApiError):  # it was made before the API server went away
            self._server.call("POST", revisions, objects.revision(full, name, of))
        pods = self._path("/api/v1", "pods")
        with contextlib.suppress(ApiError):
            self._server.call("POST", pods, objects.pod(f"{full}-pod", name, full))
        tomato.pods[revision] = {"name": f"{full}-pod", "address": self._pages.new_address()}

    def _tell_revision(self, name: str, revision: str) -> None:
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        where = self._path(objects.KNATIVE, "revisions", self._named(name, revision))
        self._patch_status(where, status)

    def _tell_pod(self, name: str, tomato: Tomato, revision: str, *, ready: bool) -> None:
        pod = tomato.pods[revision]
        restarts = tomato.restarts.get(revision, 0)
        status = objects.pod_status(pod["address"], ready=ready, restarts=restarts)
        if not ready:
            container = status["containerStatuses"][0]
            container["restartCount"] = 2
            container["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
            ended = {"exitCode": 3, "reason": "Error", "message": "no such file: model.onnx"}
            container["lastState"] = {"terminated": ended}
        self._patch_status(self._path("/api/v1", "pods", pod["name"]), status)

    def _patch_status(self, where: str, status: dict[str, Any]) -> None:
        self._server.call(
            "PATCH", f"{where}/status", {"status": status}, "application/merge-patch+json"
        )

    def _serve(self, name: str, tomato: Tomato) -> None:
        """A round's requests, split as the traffic is."""
        for revision, percent in tomato.model.traffic.items():
            version = tomato.model.revisions[revision].version
            behaviour = self._behaviour(version)
            number = self.requests * percent / 100
            self.answers[version] = self.answers.get(version, 0) + number
            self._pages.count(tomato.pods[revision]["address"], number, number * behaviour.errors)
            served = tomato.served.get(revision, 0) + number
            if behaviour.dies_each and served >= behaviour.dies_each:
                served = 0
                tomato.restarts[revision] = tomato.restarts.get(revision, 0) + 1
                self._tell_pod(name, tomato, revision, ready=True)
            tomato.served[revision] = served

    def _write_status(self, service: dict[str, Any], tomato: Tomato) -> None:
        name, model = service["metadata"]["name"], tomato.model

        def full(revision: str | None) -> str | None:
            return self._named(name, revision) if revision else None

        component = {
            "latestCreatedRevision": full(model.status_created),
            "latestReadyRevision": full(model.status_ready),
            "latestRolledoutRevision": full(model.rolled_out),
            "previousRolledoutRevision": full(model.previous),
            "traffic": [
                {
                    "revisionName": full(revision),
                    "percent": percent,
                    **_tag(model, revision),
                }
                for revision, percent in model.status_traffic.items()
            ],
        }
        component = {field: value for field, value in component.items() if value}
        ready = {"type": "PredictorRouteReady", "status": "True"}
        status = {
            "conditions": [ready],
            "deploymentMode": "Serverless",
            "components": {"predictor": component},
        }
        if status != service.get("status"):
            self._patch_status(self._path(objects.KSERVE, "inferenceservices", name), status)


def _tag(model: KServeModel, revision: str) -> dict[str, str]:
    """The revision's tag, where it has one."""
    tags = {of: tag for tag, of in model.status_tags.items()}
    return {"tag": tags[revision]} if revision in tags else {}
