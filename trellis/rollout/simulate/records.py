"""A history of looks as JSON lines: one look a line, in the order of time."""

from collections.abc import Iterable, Iterator
from typing import Literal, Self

from pydantic import Field, ValidationError

from trellis.contracts.routing_table import WireDocument
from trellis.rollout.looks import Count, Look, Moments, SideLook


class RecordedSide(WireDocument):
    """One side's part of a look, by the guardrail's name."""

    counts: dict[str, Count] = {}
    moments: dict[str, Moments] = {}

    @classmethod
    def of(cls, side: SideLook) -> Self:
        """As it is written down."""
        return cls(counts=dict(side.counts), moments=dict(side.moments))


class RecordedLook(WireDocument):
    """A look that ended ``at`` seconds after the rollout's first weight."""

    at: float = Field(ge=0)
    weight: float = Field(ge=0, le=100, description="percent of traffic to the canary")
    stream: Literal["requests", "units"] = "requests"
    canary: RecordedSide = RecordedSide()
    stable: RecordedSide = RecordedSide()
    blind: dict[str, str] = {}

    @classmethod
    def of(cls, at: float, weight: float, look: Look) -> Self:
        """As it is written down."""
        return cls(
            at=at,
            weight=weight,
            stream=look.stream,
            canary=RecordedSide.of(look.canary),
            stable=RecordedSide.of(look.stable),
            blind=dict(look.blind),
        )

    def look(self) -> Look:
        """As the evidence takes it."""
        canary, stable = (
            SideLook(side.counts, side.moments) for side in (self.canary, self.stable)
        )
        return Look(self.stream, canary, stable, self.blind)

    def line(self) -> str:
        """Without a line's end."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True)


def read(lines: Iterable[str]) -> Iterator[RecordedLook]:
    """Empty lines are skipped.

    Raises ``ValueError`` naming the line where one is no look or goes back in time.
    """
    before = 0.0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            recorded = RecordedLook.model_validate_json(line)
        except ValidationError as wrong:
            first = wrong.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(
                f"line {number}: {place}: {first['msg']}"
                if place
                else f"line {number}: {first['msg']}"
            ) from wrong
        if recorded.at < before:
            raise ValueError(f"line {number}: at {recorded.at:g} s comes after {before:g} s")
        before = recorded.at
        yield recorded
