"""What is remembered of one unit, and which units are kept where there are too many."""

from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b

import orjson

#: Among the measures of ``ripening``: the unit itself, which is forgotten then.
OVER = "(over)"
#: Seconds after its last window for which a request's unit is remembered: a reader that died may have
#: held its exposure or outcome, which another reads anew.
OVER_SECONDS = 120.0

#: Units that one watch remembers at most.
MOST_UNITS = 50_000


@dataclass
class UnitMemory:
    """``side`` (empty until it was met in an era of the watch), ``era`` and ``met_at`` are of its first
    exposure; ``events`` it has had; ``values`` of measures whose window is open, ``done`` those that
    are counted.
    """

    side: str = ""
    era: int = -1
    met_at: float = 0.0
    events: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)

    def copy(self) -> "UnitMemory":
        """Another that may be changed."""
        return replace(
            self, events=list(self.events), done=list(self.done), values=dict(self.values)
        )

    def to_json(self) -> bytes:
        """As it is stored: by place, since there are many."""
        return orjson.dumps(astuple(self))

    @classmethod
    def from_json(cls, text: bytes) -> "UnitMemory":
        """Raises ``TypeError`` or ``ValueError`` for what is none."""
        return cls(*orjson.loads(text))


def in_sample(unit: str, sample: int) -> bool:
    """Whether the unit is kept after ``sample`` halvings.

    By another hash than the one that assigns it (``unit`` is that one): half of the units by their own
    first bits would be one arm's.
    """
    if sample == 0:
        return True
    digest = blake2b(unit.encode(), digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") % (1 << sample) == 0
