"""Which revisions serve the arms of experiments, and that they run for as long as they are asked for."""

from collections.abc import Mapping

from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.local import revisions
from trellis.local.experiment_book import services_of
from trellis.local.fleet import Fleet
from trellis.local.revisions import Revision, ServiceState, identity
from trellis.local.versions import template_of, version_of
from trellis.rollout.experiments.assignment import Assignment
from trellis.rollout.experiments.ports import ArmSeen


class Arms:
    """Of the services of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def version(self, revision: Revision) -> str | None:
        """What a revision serves, as it says itself or as its folder does."""
        facts = self._fleet.supervisor.facts.get(revision.name)
        return facts.version if facts else version_of(revision.template, self._fleet.models)

    def newest(self, state: ServiceState, version: str) -> Revision | None:
        """The newest revision of a version; None where there is none."""
        for revision in reversed(state.kept):
            if self.version(revision) == version:
                return revision
        return None

    def made(self, state: ServiceState, version: str) -> tuple[ServiceState, Revision] | None:
        """The newest revision of a version, made where its folder is there and it is not."""
        found = self.newest(state, version)
        if found is not None:
            return state, found
        template = template_of(version, state.newest.template, self._fleet.models)
        return revisions.pin(state, template) if template is not None else None

    def objection(self, name: str, spec: ExperimentSpec) -> str:
        """Why the experiment cannot be carried out before somebody changes something; else empty."""
        if spec.model not in self._fleet.desired:
            known = ", ".join(sorted(self._fleet.desired)) or "none"
            return f"There is no model {spec.model}; known are: {known}."
        for service in services_of(spec):
            rollout = self._fleet.rollouts.of_service(service)
            if rollout is not None:
                return f"The Rollout {rollout} moves the traffic of {service}: remove one of them."
        for other, rival in self._fleet.experiments.specs.items():
            if other == name:
                return ""
            if rival.enabled and rival.model == spec.model:
                return f"{spec.model} is in the experiment {other}: disable one of them."
        return ""

    def seen(self, spec: ExperimentSpec, assigned: Assignment | None) -> Mapping[str, ArmSeen]:
        """Every arm as it is now, by version."""
        before = {arm.version: arm.revision for arm in assigned.arms} if assigned else {}
        return {
            arm.version: self._seen(
                arm.version, arm.inference_service or spec.model, before.get(arm.version)
            )
            for arm in spec.arms
        }

    async def hold(self) -> None:
        """Have the revisions run that an experiment asks for, or that the table gives units."""
        held: dict[str, set[str]] = {}
        states = {name: self._fleet.services[name] for name in self._fleet.desired}
        for assigned in self._fleet.experiments.assignments():
            for given in assigned.arms:
                held.setdefault(given.service, set()).add(given.revision)
        for name, spec in self._fleet.experiments.specs.items():
            if not spec.enabled or self.objection(name, spec):
                continue
            for arm in spec.arms:
                service = arm.inference_service or spec.model
                found = self.made(states[service], arm.version) if service in states else None
                if found is not None:
                    states[service], revision = found
                    held.setdefault(service, set()).add(revision.name)
        changed = []
        for service, state in states.items():
            kept = {revision.name for revision in state.kept}
            after = revisions.hold(state, sorted(held.get(service, set()) & kept))
            if after != self._fleet.services[service]:
                changed.append(after)
        if changed:
            # All at once: what others ask of a service during a save must not be overwritten.
            await self._fleet.put(*changed)

    def _seen(self, version: str, service: str, before: str | None) -> ArmSeen:
        if service not in self._fleet.desired:
            why = f"there is no InferenceService {service}"
            return ArmSeen(version, "", service, ready=False, why=why)
        state = self._fleet.services[service]
        revision = self.newest(state, version)
        if revision is None:
            why = f"{service} has no version {version}, and no folder of it lies beside its own"
            return ArmSeen(version, "", service, ready=False, why=why)
        for kept in state.kept:
            # A label makes another revision and no other arm: units stay where they are.
            if kept.name == before and identity(kept.template) == identity(revision.template):
                revision = kept
        ready = revision.name in self._fleet.supervisor.ready()
        return ArmSeen(version, revision.name, service, ready, "" if ready else self._why(revision))

    def _why(self, revision: Revision) -> str:
        child = self._fleet.supervisor.children.get(revision.name)
        if child is None:
            return f"{revision.name} is to be started"
        return f"{revision.name}: {child.reason or child.state.value}"
