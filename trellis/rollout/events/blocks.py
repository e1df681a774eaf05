"""What is folded of one watch so far: tallies that are open, and blocks that wait to be read.

A block is one look by unit at one era's shares. It closes at ``ENOUGH`` units of all sides together, or,
where few units return, at as many exposures and ``LONG_SECONDS``: by their number and time and never by
what came of them (``trellis.rollout.metrics.looks`` says why).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson

ENOUGH = 20
#: Seconds, by the events' own time, after which ``ENOUGH`` exposures of however few units close a look.
LONG_SECONDS = 10.0
#: Closed blocks that wait at most; beyond, those of one era become one.
MOST_BLOCKS = 200
#: Eras whose tallies are kept open for what ripens late (hourly ones: 41 days); of older ones what
#: there is makes a block.
MOST_ERAS = 1000

#: Among the measures: units met for the first time.
UNITS = "(units)"

#: By measure and side, the number of units first: with their events, or with the sum and the sum of
#: squares of their values, or (``UNITS``) alone.
Tallies = dict[str, dict[str, tuple[float, ...]]]


def add(tallies: Tallies, measure: str, side: str, values: tuple[float, ...]) -> None:
    """Add to one of the tallies, in place."""
    of_measure = tallies.setdefault(measure, {})
    so_far = of_measure.get(side, (0.0,) * len(values))
    of_measure[side] = tuple(a + b for a, b in zip(so_far, values, strict=True))


def size(tallies: Tallies, measure: str) -> float:
    """Units of all sides together."""
    return sum(values[0] for values in tallies.get(measure, {}).values())


@dataclass(frozen=True)
class Block:
    """``seq`` rises from block to block; ``shares`` were the sides' in ``era``."""

    seq: int
    era: int
    shares: Mapping[str, float]
    tallies: Tallies


@dataclass
class Active:
    """A unit that sent something in the open look: the events that it had before, and has had in it."""

    side: str
    before: list[str]
    now: list[str] = field(default_factory=list)


@dataclass
class FoldState:
    """One watch so far; a fold works on a copy.

    ``sample``: of units only those in so many halvings are kept, once there were too many;
    ``remembered``: how many. ``active`` are those of the open look of ``era``, ``looked`` the number of
    its exposures and ``opened`` the first one's time; ``open`` the tallies by the era in which their
    units were met, ``shares`` those eras' shares by side. ``forgotten`` is the time (seconds since 1970)
    at which the last unit was met of those that are forgotten: all that is unknown and older was one.
    """

    era: int = -1
    seq: int = 0
    sample: int = 0
    remembered: int = 0
    forgotten: float = -1.0
    exposures: dict[str, int] = field(default_factory=dict)
    active: dict[str, Active] = field(default_factory=dict)
    opened: float = 0.0
    looked: int = 0
    open: dict[int, Tallies] = field(default_factory=dict)
    shares: dict[int, dict[str, float]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def to_json(self) -> bytes:
        """As it is stored."""
        return orjson.dumps(asdict(self), option=orjson.OPT_NON_STR_KEYS)

    @classmethod
    def from_json(cls, text: bytes) -> "FoldState":
        """Raises ``KeyError``, ``TypeError``, ``ValueError`` for what is none."""
        read: dict[str, Any] = orjson.loads(text)
        read["active"] = {unit: Active(**one) for unit, one in read["active"].items()}
        read["open"] = {int(era): _tallies(of) for era, of in read["open"].items()}
        read["shares"] = {int(era): shares for era, shares in read["shares"].items()}
        read["blocks"] = [
            Block(**{**block, "tallies": _tallies(block["tallies"])}) for block in read["blocks"]
        ]
        return cls(**read)

    def copy(self) -> "FoldState":
        """Another that may be changed: blocks and shares never are, once made."""
        return replace(
            self,
            exposures=dict(self.exposures),
            active={
                unit: Active(one.side, list(one.before), list(one.now))
                for unit, one in self.active.items()
            },
            open={
                era: {measure: dict(sides) for measure, sides in tallies.items()}
                for era, tallies in self.open.items()
            },
            shares=dict(self.shares),
            blocks=list(self.blocks),
        )

    def close(self, era: int, tallies: Tallies) -> None:
        """Make one more block; where too many wait, it becomes part of one that is not told yet."""
        for place in range(MOST_BLOCKS - 1, len(self.blocks)):
            if self.blocks[place].era == era:
                self.blocks[place] = _grown(self.blocks[place], tallies)
                return
        self.seq += 1
        self.blocks.append(Block(self.seq, era, self.shares[era], tallies))

    @property
    def told(self) -> list[Block]:
        """Blocks that will not change: what a reader has counted must never be part of another."""
        return self.blocks[: MOST_BLOCKS - 1]


def _grown(block: Block, more: Tallies) -> Block:
    tallies: Tallies = {}
    for part in (block.tallies, more):
        for measure, sides in part.items():
            for side, values in sides.items():
                add(tallies, measure, side, values)
    return replace(block, tallies=tallies)


def _tallies(read: dict[str, dict[str, list[float]]]) -> Tallies:
    return {
        measure: {side: tuple(values) for side, values in sides.items()}
        for measure, sides in read.items()
    }
