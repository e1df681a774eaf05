"""What the gateways hold of the routing table at one moment. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class GatewaysSeen:
    """Which table is offered, and who has it.

    ``hosts`` is how the table in force, of number ``version``, names this service's revisions;
    ``held`` is the number that each known gateway asked with last. ``complete`` is false while a
    gateway may exist that has not asked yet: in the first seconds of a controller. ``obstacle`` says
    why gateways cannot split this service's units; empty where they can, None while that is not known.
    """

    hosts: Literal["tagged", "untagged"] = "untagged"
    version: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    complete: bool = True
    obstacle: str | None = ""

    @property
    def turned_away(self) -> bool:
        """Whether no gateway asks a tag host of this service any more."""
        return (
            self.hosts == "untagged"
            and self.complete
            and all(version >= self.version for version in self.held.values())
        )
