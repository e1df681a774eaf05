"""The Rollouts of a local run: what the manifests say, what came of it, what people asked."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Command, RolloutStatus, RolloutView
from trellis.contracts.tensors import Document
from trellis.local.custom_resources import Rollout

#: Commands that are remembered of one Rollout, the newest.
MOST_COMMANDS = 20


class Generation(Document):
    """How often a spec has changed, from 1, and which one it is now."""

    number: int
    digest: str


@dataclass
class RolloutBook:
    """``specs`` are the manifests' now; the others survive a restart, and a Rollout that is gone for a
    while.
    """

    statuses: dict[str, RolloutStatus] = field(default_factory=dict)
    commands: dict[str, tuple[Command, ...]] = field(default_factory=dict)
    generations: dict[str, Generation] = field(default_factory=dict)
    specs: dict[str, RolloutSpec] = field(default_factory=dict)

    @classmethod
    def recall(
        cls,
        statuses: Mapping[str, RolloutStatus],
        commands: Mapping[str, Sequence[Command]],
        generations: Mapping[str, Generation],
    ) -> "RolloutBook":
        """As it was when the last run ended."""
        asked = {name: tuple(those) for name, those in commands.items()}
        return cls(dict(statuses), asked, dict(generations))

    def take(self, rollouts: Iterable[Rollout]) -> None:
        """What the manifests say now."""
        self.specs = {rollout.name: rollout.spec for rollout in rollouts}
        for name, spec in self.specs.items():
            digest = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:16]
            known = self.generations.get(name) or Generation(number=0, digest="")
            if digest != known.digest:
                self.generations[name] = Generation(number=known.number + 1, digest=digest)

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
