"""The Rollouts of a local run: what the manifests say, what came of it, what people asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Command, RolloutStatus, RolloutView
from trellis.local.custom_resources import Rollout

#: Commands that are remembered of one Rollout, the newest.
MOST_COMMANDS = 20


@dataclass
class RolloutBook:
    """``specs`` are the manifests' now; the other two survive a restart, and a Rollout that is gone
    for a while.
    """

    statuses: dict[str, RolloutStatus] = field(default_factory=dict)
    commands: dict[str, tuple[Command, ...]] = field(default_factory=dict)
    specs: dict[str, RolloutSpec] = field(default_factory=dict)

    @classmethod
    def recall(
        cls, statuses: Mapping[str, RolloutStatus], commands: Mapping[str, Sequence[Command]]
    ) -> "RolloutBook":
        """As it was when the last run ended."""
        return cls(dict(statuses), {name: tuple(asked) for name, asked in commands.items()})

    def take(self, rollouts: Iterable[Rollout]) -> None:
        """What the manifests say now."""
        self.specs = {rollout.name: rollout.spec for rollout in rollouts}

    def of_service(self, service: str) -> str | None:
        """The Rollout that governs a service, by name: the first, as the manifests have them."""
        for name, spec in self.specs.items():
            if spec.inference_service == service:
                return name
        return None

    def ask(self, name: str, command: Command) -> None:
        """Remember a command for the next pass."""
        asked = (*self.commands.get(name, ()), command)
        self.commands[name] = asked[-MOST_COMMANDS:]

    def view(self, name: str) -> RolloutView | None:
        """One of them; None where there is none of that name."""
        spec = self.specs.get(name)
        if spec is None:
            return None
        status = self.statuses.get(name, RolloutStatus())
        return RolloutView(name=name, spec=spec, status=status)
