"""What the tests measured, for the end of the run; nothing is asserted on it."""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Times:
    """Seconds by what took them, in the order in which they were measured."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, what: str, seconds: float) -> None:
        """One measurement; there may be several of a thing."""
        self.seconds.setdefault(what, []).append(seconds)

    def lines(self) -> list[str]:
        """A line for each thing."""
        width = max(map(len, self.seconds), default=0)
        return [
            f"{what:{width}}  {', '.join(f'{value:.1f}' for value in values)} s"
            for what, values in self.seconds.items()
        ]

    def write(self, file: Path) -> None:
        """Keep them as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.seconds, indent=2) + "\n", encoding="utf-8")
