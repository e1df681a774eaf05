"""Unit to arm, pure: the same unit under the same salt always stands at the same point.

A point is the first 8 bytes, big-endian, of blake2b(unit, key = salt), divided by 2^64. The arm
whose interval holds the point answers.
"""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b

from trellis.contracts.intervals import Intervals

_SCALE = 2.0**-64


class UnitLine:
    """Who owns which part of [0, 1), prepared for look-ups of well under 2 µs.

    Parameters: ``salt``, 1 to 64 bytes in UTF-8; ``arms``, the intervals of each arm, which
    together cover [0, 1) exactly once (the routing table's own check).
    """

    def __init__(self, salt: str, arms: Sequence[Intervals]) -> None:
        owned = sorted((start, arm) for arm, own in enumerate(arms) for start, _ in own)
        self._starts = [start for start, _ in owned]
        self._arms = [arm for _, arm in owned]
        self._keyed = blake2b(key=salt.encode())

    def point(self, unit: bytes) -> float:
        """Where the unit stands, in [0, 1]; 1 only by rounding of the last 1,024 hashes."""
        return int.from_bytes(self.digest(unit), "big") * _SCALE

    def digest(self, unit: bytes) -> bytes:
        """The 8 bytes that make the point."""
        keyed = self._keyed.copy()
        keyed.update(unit)
        return keyed.digest()[:8]

    def at(self, point: float) -> int:
        """Index of the arm that owns ``point``; a point of 1 belongs to the last interval."""
        return self._arms[bisect_right(self._starts, point) - 1]

    def arm_of(self, unit: bytes) -> int:
        """Index of the arm that answers ``unit``."""
        return self.at(self.point(unit))
