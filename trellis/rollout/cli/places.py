"""Where rollouts are: in a cluster, or in a run on this machine. One port for both."""

from typing import Protocol

from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.contracts.rollout_status import Command, RolloutView
from trellis.contracts.routing_table import WireDocument


class PlaceError(Exception):
    """What a place cannot do or does not have; the text is a sentence."""


class ExperimentSeen(WireDocument):
    """An experiment; ``status`` is None where no controller has written one."""

    name: str
    spec: ExperimentSpec
    status: ExperimentResourceStatus | None = None


class Place(Protocol):
    """Each raises ``PlaceError`` where nothing is there, or nobody answers."""

    #: In words, for the person.
    where: str

    async def rollouts(self) -> tuple[RolloutView, ...]:
        """All of them, by name."""
        ...

    async def rollout(self, name: str) -> RolloutView:
        """One of them."""
        ...

    async def ask(self, name: str, command: Command) -> None:
        """Leave a command for the controller, which carries it out soon after."""
        ...

    async def experiments(self) -> tuple[ExperimentSeen, ...]:
        """All of them, by name."""
        ...

    async def experiment(self, name: str) -> ExperimentSeen:
        """One of them."""
        ...


def unknown(kind: str, name: str, known: list[str], where: str) -> PlaceError:
    """What is said where there is no such rollout or experiment."""
    there = f"there are {', '.join(sorted(known))}" if known else "there is none"
    return PlaceError(f"no {kind} {name!r} in {where}: {there}")
