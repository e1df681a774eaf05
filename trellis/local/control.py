"""What a person may ask of a local run beside its manifests: versions and experiments.

The same as the controller does in a cluster, on the same documents (``trellis.contracts.control``).
"""

from collections.abc import Mapping
from pathlib import Path

from trellis.contracts.control import Experiments, ModelState, ModelStates, RevisionState
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import Command, RolloutView, RolloutViews
from trellis.local import revisions
from trellis.local.child import ChildState
from trellis.local.fleet import Fleet
from trellis.local.revisions import Revision, ServiceState
from trellis.local.versions import template_of, version_of
from trellis.rollout.http.asked import Refused


class Control:
    """Acts on a fleet; what it changes is on disk before the gateway hears of it."""

    def __init__(self, fleet: Fleet, models: Path) -> None:
        self._fleet, self._models = fleet, models

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
        return Experiments(experiments=dict(self._fleet.experiments))

    async def experiment(self, name: str) -> Experiment:
        """One. Raises ``Refused`` (404)."""
        found = self._fleet.experiments.get(name)
        if found is None:
            known = ", ".join(sorted(self._fleet.experiments)) or "none"
            raise Refused(404, f"unknown experiment {name!r}; known are: {known}")
        return found

    async def put_experiment(self, name: str, experiment: Experiment) -> Experiment:
        """Set one; its arms' versions are started where they do not run.

        Raises ``Refused``: 404 for an unknown model, 422 for a version that is not there, 409 where
        another enabled experiment is on the same model.
        """
        state = self._state(experiment.model)
        others = [
            other
            for other, known in self._fleet.experiments.items()
            if other != name and known.enabled and known.model == experiment.model
        ]
        if experiment.enabled and others:
            raise Refused(
                409, f"model {experiment.model!r} is in the experiment {others[0]!r}; disable that"
            )
        rollout = self._fleet.rollouts.of_service(experiment.model)
        if experiment.enabled and rollout is not None:
            raise Refused(
                409, f"the Rollout {rollout!r} moves the traffic of {experiment.model!r}; remove it"
            )
        before = self._fleet.experiments.get(name)
        if before is not None and before.model != experiment.model:
            raise Refused(
                409, f"experiment {name!r} is on model {before.model!r}; give a new one a new name"
            )
        if experiment.enabled:
            state = self._held(state, experiment)
        elif self._fleet.trial(experiment.model) == name:
            state = revisions.hold(state, ())
        await self._fleet.put(state, {name: experiment})
        return experiment

    async def evidence(self, name: str) -> ExperimentView:
        """Raises ``Refused`` (404): a local run counts what arms meet and weighs nothing."""
        await self.experiment(name)
        raise Refused(404, f"no evidence is gathered of {name!r}: a local run only counts")

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

    def _held(self, state: ServiceState, experiment: Experiment) -> ServiceState:
        held = []
        for place, arm in enumerate(experiment.arms):
            try:
                state, revision = self._revision(state, arm.version)
            except Refused as refused:
                raise Refused(422, f"arms[{place}].version: {refused}") from None
            held.append(revision.name)
        return revisions.hold(state, held)

    def _state(self, name: str) -> ServiceState:
        if name not in self._fleet.desired:
            known = ", ".join(sorted(self._fleet.desired)) or "none"
            raise Refused(404, f"unknown model {name!r}; known are: {known}")
        return self._fleet.services[name]

    def _free(self, name: str) -> ServiceState:
        state = self._state(name)
        trial = self._fleet.trial(name)
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
        for revision in reversed(state.kept):
            if self._version(revision) == version:
                return state, revision
        template = template_of(version, state.newest.template, self._models)
        if template is None:
            raise self._unknown(state.name, version)
        return revisions.pin(state, template)

    def _unknown(self, name: str, version: str) -> Refused:
        known = {self._version(revision) for revision in self._state(name).kept}
        names = ", ".join(sorted(filter(None, known)))
        return Refused(404, f"model {name!r} has no version {version!r}; known are: {names}")

    def _version(self, revision: Revision) -> str | None:
        facts = self._fleet.supervisor.facts.get(revision.name)
        return facts.version if facts else version_of(revision.template, self._models)

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
