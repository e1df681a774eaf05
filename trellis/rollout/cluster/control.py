"""What people ask of the controller over HTTP, on the objects of one namespace."""

import uuid
from collections.abc import Callable
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from trellis.contracts.control import Experiments, ModelState, ModelStates, RevisionState
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import (
    ExperimentResourceStatus,
    ExperimentSpec,
    ExperimentView,
)
from trellis.contracts.rollout_status import Command, RolloutStatus, RolloutView, RolloutViews
from trellis.contracts.tensors import Name
from trellis.rollout.cluster.api import APPLY, JSON, MANAGER, Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.experiment_world import versions_served
from trellis.rollout.cluster.experiments import EXPERIMENTS, applied_spec, experiment, spec_of
from trellis.rollout.cluster.facts import ARM_OF, Key
from trellis.rollout.cluster.rollouts import API_VERSION, Rollout, annotate
from trellis.rollout.errors import ApiRefused, ApiUnreachable, Conflict
from trellis.rollout.http.asked import Refused
from trellis.rollout.seen import ServiceSeen

_NAME: TypeAdapter[str] = TypeAdapter(Name)
#: Commands that are kept in the annotation: those before were carried out long ago.
_KEPT = 10

#: The newest status of a Rollout, which may not be written yet.
Newest = Callable[[Key], RolloutStatus | None]
#: Likewise of an Experiment.
NewestExperiment = Callable[[Key], ExperimentResourceStatus | None]


class ClusterControl:
    """``http.asked.Control``. What people ask of a rollout goes into its annotation, so that it is
    there, for every controller, before it is answered.
    """

    def __init__(
        self,
        api: Api,
        cluster: Cluster,
        namespace: str,
        newest: Newest,
        newest_experiment: NewestExperiment,
    ) -> None:
        self._api, self._cluster, self._namespace = api, cluster, namespace
        self._newest, self._newest_experiment = newest, newest_experiment

    async def models(self) -> ModelStates:
        """See ``Control.models``."""
        names = sorted(s.key[1] for s in self._cluster.services if s.key[0] == self._namespace)
        return ModelStates(models=tuple(self._model(name) for name in names))

    async def activate(self, model: str, version: str) -> ModelState:
        """See ``Control.activate``: promotes the version on trial, or ends the trial for stable."""
        found, status = self._trial(model)
        if status.canary is not None and status.canary.version == version:
            await self._ask(found, "promote", version)
        elif status.stable is None or status.stable.version != version:
            raise Refused(
                409,
                f"{version} is not on trial in {model}; a version begins with the InferenceService",
            )
        elif status.canary is not None:
            await self._ask(found, "abort", status.canary.version)
        return self._model(model)

    async def rollback(self, model: str, version: str) -> ModelState:
        """See ``Control.rollback``: ends its trial, or steps back once after its promotion."""
        found, status = self._trial(model)
        side = status.canary or status.stable
        if side is None or side.version != version:
            present = side.version if side else "none"
            raise Refused(409, f"{version} is not what {model} tried last: that is {present}")
        await self._ask(found, "abort", version)
        return self._model(model)

    async def experiments(self) -> Experiments:
        """See ``Control.experiments``."""
        listed = await self._answered("GET", EXPERIMENTS.path(self._namespace))
        found = {item["metadata"]["name"]: _experiment(item) for item in listed["items"]}
        return Experiments(experiments={k: v for k, v in found.items() if v is not None})

    async def experiment(self, name: str) -> Experiment:
        """See ``Control.experiment``."""
        found = _experiment(await self._answered("GET", self._experiment_path(name)))
        if found is None:
            raise Refused(422, f"experiment {name!r} cannot be read")
        return found

    async def put_experiment(self, name: str, experiment: Experiment) -> Experiment:
        """See ``Control.put_experiment``: the fields that HTTP knows, applied without force."""
        path = self._experiment_path(name)
        if not self._cluster.is_listed:
            raise Refused(503, "what the cluster has is not known yet: ask again in a moment")
        found = self._cluster.experiments.get((self._namespace, name))
        known = spec_of(found) if found else None
        document = {
            "apiVersion": API_VERSION,
            "kind": "Experiment",
            "metadata": {"name": name, "namespace": self._namespace},
            "spec": applied_spec(experiment, known, self._serving(experiment, known)),
        }
        return _experiment(await self._answered("PATCH", path, document)) or experiment

    def _serving(self, asked: Experiment, known: ExperimentSpec | None) -> dict[str, str]:
        """The InferenceService of each version; refused where an arm that is not ``known`` has none."""
        model = (self._namespace, asked.model)
        serving = versions_served(self._cluster.services, self._cluster.seen, model)
        placed = serving.keys() | {arm.version for arm in (known.arms if known else ())}
        if lost := ", ".join(arm.version for arm in asked.arms if arm.version not in placed):
            raise Refused(
                409,
                f"no InferenceService serves {lost} as an arm of {asked.model}: give the one that does"
                f" the label {ARM_OF}: {asked.model}, or name it in a manifest's arms",
            )
        return serving

    async def evidence(self, name: str) -> ExperimentView:
        """See ``Control.evidence``."""
        found = experiment(await self._answered("GET", self._experiment_path(name)))
        try:
            status = self._newest_experiment(found.key) or found.parsed_status()
            shown = status.model_copy(update={"plan": {}, "evidence": {}})
            return ExperimentView(name=name, spec=found.parsed_spec(), status=shown)
        except ValidationError:
            raise Refused(422, f"experiment {name!r} cannot be read") from None

    async def rollouts(self) -> RolloutViews:
        """See ``Control.rollouts``."""
        mine = sorted(
            (r for r in self._cluster.rollouts if r.key[0] == self._namespace), key=lambda r: r.key
        )
        views = (self._view(found) for found in mine)
        return RolloutViews(rollouts=tuple(view for view in views if view is not None))

    async def rollout(self, name: str) -> RolloutView:
        """See ``Control.rollout``."""
        view = self._view(self._found(name))
        if view is None:
            raise Refused(422, f"rollout {name!r} cannot be read")
        return view

    async def command(self, name: str, command: Command) -> RolloutView:
        """See ``Control.command``."""
        await self._write(self._found(name), command)
        return await self.rollout(name)

    def _experiment_path(self, name: str) -> str:
        """Of a name from a URL, which could be the path of another object."""
        try:
            return EXPERIMENTS.path(self._namespace, _NAME.validate_python(name))
        except ValidationError:
            raise Refused(404, f"{name!r} is no name of an experiment") from None

    def _found(self, name: str) -> Rollout:
        found = self._cluster.rollout((self._namespace, name))
        if found is None:
            raise Refused(404, f"there is no rollout {name!r} in namespace {self._namespace}")
        return found

    def _view(self, found: Rollout) -> RolloutView | None:
        try:
            status = self._newest(found.key) or found.parsed_status()
            shown = status.model_copy(update={"plan": {}, "evidence": {}})
            return RolloutView(name=found.key[1], spec=found.parsed_spec(), status=shown)
        except ValidationError:
            return None

    def _trial(self, model: str) -> tuple[Rollout, RolloutStatus]:
        """The Rollout of a model and where it is."""
        found = self._cluster.rollouts_of((self._namespace, model))
        if not found:
            if self._cluster.seen((self._namespace, model)) is None:
                raise Refused(404, f"unknown model {model!r} in namespace {self._namespace}")
            raise Refused(409, f"{model} has no Rollout, so its weight is its manifest's")
        oldest = min(found, key=lambda rollout: (rollout.created, rollout.key))
        return oldest, self._newest(oldest.key) or oldest.parsed_status()

    async def _ask(self, found: Rollout, do: str, version: str) -> None:
        command = {"id": uuid.uuid4().hex, "do": do, "version": version}
        await self._write(found, Command.model_validate(command))

    async def _write(self, found: Rollout, command: Command) -> None:
        kept = [c for c in found.commands() if c.id != command.id][-_KEPT + 1 :]
        try:
            written = await annotate(self._api, found, (*kept, command))
        except Conflict:
            raise Refused(409, f"rollout {found.key[1]} has changed just now: ask again") from None
        except (ApiRefused, ApiUnreachable) as error:
            raise _refused(error) from None
        self._cluster.rollouts.know(written, int(written.token))

    async def _answered(self, method: str, path: str, applied: object = None) -> dict[str, Any]:
        try:
            return await self._api.call(
                method,
                path,
                applied,
                content_type=APPLY if applied is not None else JSON,
                params={"fieldManager": MANAGER} if applied is not None else None,
            )
        except (ApiRefused, ApiUnreachable) as error:
            raise _refused(error) from None

    def _model(self, name: str) -> ModelState:
        seen = self._cluster.seen((self._namespace, name))
        if seen is None:
            raise Refused(404, f"unknown model {name!r} in namespace {self._namespace}")
        ordered = sorted(seen.revisions.values(), key=lambda revision: revision.created)
        return ModelState(
            name=name,
            revisions=tuple(
                RevisionState(
                    version=revision.version,
                    revision=revision.name,
                    role=_role(seen, revision.name),
                    weight=seen.traffic.get(revision.name, 0) / 100,
                    ready=revision.ready,
                    reason=revision.failing,
                )
                for revision in ordered
            ),
        )


def _role(seen: ServiceSeen, revision: str) -> Literal["stable", "canary", "none"]:
    if revision == seen.rolled_out:
        return "stable"
    return "canary" if revision in seen.traffic else "none"


def _experiment(item: dict[str, Any]) -> Experiment | None:
    try:
        return ExperimentSpec.model_validate(item.get("spec") or {}).over_http()
    except ValidationError:
        return None


def _refused(error: ApiRefused | ApiUnreachable) -> Refused:
    """What the API server said, for a caller over HTTP; a conflict names the other manager."""
    if isinstance(error, ApiUnreachable):
        return Refused(503, str(error))
    known = error.status in {404, 409, 422}
    return Refused(error.status if known else 409, str(error))
