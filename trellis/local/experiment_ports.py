"""What the controller's passes of an Experiment read and write of a local run: all of it is the
fleet's.
"""

from collections.abc import Mapping

from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.local.arms import Arms
from trellis.local.events import Events
from trellis.local.fleet import Fleet
from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import Conflict
from trellis.rollout.experiments.assignment import Assignment, assignment_of
from trellis.rollout.experiments.ports import ArmSeen, ExperimentFound
from trellis.rollout.plan import Announcement


class ExperimentPlace:
    """``ports.ExperimentWorld``, ``ExperimentVoice`` and ``Assignments``."""

    def __init__(self, fleet: Fleet, arms: Arms, events: Events) -> None:
        self._fleet, self._arms, self._events = fleet, arms, events
        self._followed: dict[Key, Assignment | None] = {}

    def experiment(self, key: Key) -> ExperimentFound | None:
        """As an object of the API would be; its token changes with its spec and its status."""
        view = self._fleet.experiments.view(key[1])
        if view is None:
            return None
        record = self._fleet.experiments.records[view.name]
        return ExperimentFound(
            key=key,
            uid=f"{view.name}-{record.created:.3f}",
            token=f"{record.created:.3f}.{record.generation}.{record.writes}",
            generation=record.generation,
            created=f"{record.created:.3f}",
            deleting=False,
            spec=view.spec.model_dump_json(by_alias=True).encode(),
            raw_status=view.status.model_dump_json(by_alias=True).encode(),
        )

    def arms(self, found: ExperimentFound, spec: ExperimentSpec) -> Mapping[str, ArmSeen]:
        """See ``ExperimentWorld.arms``."""
        record = self._fleet.experiments.records[found.key[1]]
        return self._arms.seen(spec, assignment_of(record.status))

    def objection(self, found: ExperimentFound, spec: ExperimentSpec) -> str:
        """See ``ExperimentWorld.objection``."""
        return self._arms.objection(found.key[1], spec)

    async def write(
        self, found: ExperimentFound, status: ExperimentResourceStatus
    ) -> ExperimentFound:
        """On disk when this returns. Raises ``Conflict`` where it has changed."""
        present = self.experiment(found.key)
        if present is None or present.token != found.token:
            raise Conflict(409, "Conflict", f"{found.key[1]} has changed since it was read")
        self._fleet.experiments.write(found.key[1], status)
        await self._fleet.save()
        return self.experiment(found.key) or found

    async def announce(self, found: ExperimentFound, said: Announcement) -> None:
        """An event on the terminal."""
        text = f"experiment {found.key[1]}: {said.message}"
        self._events.add(text, "warning" if said.type == "Warning" else "info")

    async def follow(self, key: Key, assignment: Assignment | None) -> None:
        """The fleet's table is made of the written statuses: it is only to look again."""
        if self._followed.get(key) != assignment:
            self._fleet.wake()
        self._followed[key] = assignment
