"""What a person may ask of a local run beside its manifests: versions and experiments.

The same as the controller does in a cluster, on the same documents (``trellis.contracts.control``).
"""

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from trellis.contracts.control import Experiments, ModelState, ModelStates, RevisionState
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import (
    ExperimentResourceStatus,
    ExperimentSpec,
    ExperimentView,
)
from trellis.contracts.rollout_status import Command, RolloutView, RolloutViews
from trellis.local import revisions
from trellis.local.arms import Arms
from trellis.local.child import ChildState
from trellis.local.fleet import Fleet
from trellis.local.revisions import Revision, ServiceState
from trellis.rollout.http.asked import Refused


class Control:
    """Acts on a fleet; what it changes is on disk before the gateway hears of it. ``newest`` is an
    experiment's status that may not be written yet.
    """

    def __init__(
        self,
        fleet: Fleet,
        arms: Arms,
        newest: Callable[[str], ExperimentResourceStatus | None],
    ) -> None:
        self._fleet, self._arms, self._newest = fleet, arms, newest

    async def models(self) -> ModelStates:
        """Every model and its running revisions."""
        return ModelStates(models=tuple(self.model(name) for name in self._fleet.desired))

    def model(self, name: str) -> ModelState:
        """One model. Raises ``Refused`` (404)."""
        state = self._state(name)
        shown = (self._shown(state, revision) for revision in revisions.running(state))
        return ModelState(name=name, revisions=tuple(shown))

    async def activate(self, name: str, version: str) -> ModelState:
        """All traffic to ``version`` once it is ready, until the manifest says something new.

        Raises ``Refused``: 404 for an unknown model or version, 409 while an experiment shares the
        model's units.
        """
        state = self._free(name)
        state, revision = self._revision(state, version)
        await self._fleet.put(revisions.choose(state, revision.name))
        return self.model(name)

    async def rollback(self, name: str, version: str) -> ModelState:
        """No traffic to ``version``: the stable one gets all, or the one before where it is that.

        Raises ``Refused`` as ``activate``, and 409 where nothing is left to go back to.
        """
        state = self._free(name)
        stable = state.rolled_out or state.newest.name
        for target in (stable, state.previous):
            if target is not None and self._version(state.revision(target)) != version:
                break
        else:
            raise Refused(409, f"model {name!r} has no other version to go back to")
        if all(self._version(revision) != version for revision in state.kept):
            raise self._unknown(name, version)
        await self._fleet.put(revisions.choose(state, target))
        return self.model(name)

    async def experiments(self) -> Experiments:
        """All experiments."""
        book = self._fleet.experiments
        return Experiments(experiments={name: self._shown_experiment(name) for name in book.specs})

    async def experiment(self, name: str) -> Experiment:
        """One. Raises ``Refused`` (404)."""
        specs = self._fleet.experiments.specs
        if name not in specs:
            known = ", ".join(sorted(specs)) or "none"
            raise Refused(404, f"unknown experiment {name!r}; known are: {known}")
        return self._shown_experiment(name)

    async def put_experiment(self, name: str, experiment: Experiment) -> Experiment:
        """Set one; its arms' versions are started where they do not run.

        Raises ``Refused``: 404 for an unknown model, 422 for a version that is not there, 409 where a
        manifest has it, or another enabled experiment or a Rollout is on the same model.
        """
        book = self._fleet.experiments
        state = self._state(experiment.model)
        if name in book.manifests:
            raise Refused(409, f"experiment {name!r} is a manifest's: edit that")
        try:
            spec = ExperimentSpec.of_http(experiment)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise Refused(422, f"{field}: {first['msg']}") from None
        before = book.specs.get(name)
        if before is not None and before.model != experiment.model:
            raise Refused(
                409, f"experiment {name!r} is on model {before.model!r}; give a new one a new name"
            )
        if experiment.enabled:
            self._check_free(name, spec)
            for place, arm in enumerate(experiment.arms):
                try:
                    self._revision(state, arm.version)
                except Refused as refused:
                    raise Refused(422, f"arms[{place}].version: {refused}") from None
        book.ask(name, experiment)
        await self._fleet.save()
        await self._arms.hold()
        return experiment

    async def evidence(self, name: str) -> ExperimentView:
        """One with its evidence, which may be newer than what is on disk. Raises ``Refused`` (404)."""
        await self.experiment(name)
        book = self._fleet.experiments
        status = self._newest(name) or book.records[name].status
        shown = status.model_copy(update={"plan": {}, "evidence": {}})
        return ExperimentView(name=name, spec=book.specs[name], status=shown)

    async def rollouts(self) -> RolloutViews:
        """All rollouts."""
        views = (self._fleet.rollouts.view(name) for name in self._fleet.rollouts.specs)
        return RolloutViews(rollouts=tuple(view for view in views if view is not None))

    async def rollout(self, name: str) -> RolloutView:
        """One. Raises ``Refused`` (404)."""
        found = self._fleet.rollouts.view(name)
        if found is None:
            known = ", ".join(sorted(self._fleet.rollouts.specs)) or "none"
            raise Refused(404, f"unknown rollout {name!r}; known are: {known}")
        return found

    async def command(self, name: str, command: Command) -> RolloutView:
        """Ask something of a rollout; it is on disk when this returns. Raises ``Refused`` (404)."""
        view = await self.rollout(name)
        self._fleet.rollouts.ask(name, command)
        await self._fleet.save()
        self._fleet.wake()
        return view

    def _shown_experiment(self, name: str) -> Experiment:
        book = self._fleet.experiments
        return book.asked.get(name) or book.specs[name].over_http()

    def _check_free(self, name: str, spec: ExperimentSpec) -> None:
        """Raises ``Refused`` (409) where something else has the model's units."""
        for other, known in self._fleet.experiments.specs.items():
            if other != name and known.enabled and known.model == spec.model:
                raise Refused(
                    409, f"model {spec.model!r} is in the experiment {other!r}; disable that"
                )
        rollout = self._fleet.rollouts.of_service(spec.model)
        if rollout is not None:
            raise Refused(
                409, f"the Rollout {rollout!r} moves the traffic of {spec.model!r}; remove it"
            )

    def _state(self, name: str) -> ServiceState:
        if name not in self._fleet.desired:
            known = ", ".join(sorted(self._fleet.desired)) or "none"
            raise Refused(404, f"unknown model {name!r}; known are: {known}")
        return self._fleet.services[name]

    def _free(self, name: str) -> ServiceState:
        state = self._state(name)
        trial = self._fleet.experiments.holder(name)
        if trial is not None:
            raise Refused(409, f"model {name!r} is in the experiment {trial!r}; disable that first")
        rollout = self._fleet.rollouts.of_service(name)
        if rollout is not None:
            raise Refused(
                409,
                f"the Rollout {rollout!r} moves the traffic of {name!r}; ask it to promote or abort",
            )
        return state

    def _revision(self, state: ServiceState, version: str) -> tuple[ServiceState, Revision]:
        """The newest revision of a version, made where its folder is there and it is not."""
        found = self._arms.made(state, version)
        if found is None:
            raise self._unknown(state.name, version)
        return found

    def _unknown(self, name: str, version: str) -> Refused:
        known = {self._version(revision) for revision in self._state(name).kept}
        names = ", ".join(sorted(filter(None, known)))
        return Refused(404, f"model {name!r} has no version {version!r}; known are: {names}")

    def _version(self, revision: Revision) -> str | None:
        return self._arms.version(revision)

    def _shown(self, state: ServiceState, revision: Revision) -> RevisionState:
        child = self._fleet.supervisor.children.get(revision.name)
        weights: Mapping[str, float] = self._fleet.weights(state.name)
        ready = child is not None and child.state is ChildState.READY
        arm = revision.name in state.held
        return RevisionState(
            version=self._version(revision) or "",
            revision=revision.name,
            role="arm" if arm else revisions.role(state, revision.name),
            weight=weights.get(revision.name, 0.0),
            ready=ready,
            reason="" if ready else (child.reason or child.state.value) if child else "starting",
            url=f"{child.url}/metrics" if child is not None and ready else "",
        )
