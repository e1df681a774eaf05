"""By what gateways keep an arm's answers, pure.

They do while one revision has all requests of the arm's host: where Knative splits them, an answer that
was kept would keep requests from the canary. The table is behind Knative, a second or two, in both
directions: what has another name than ``serving_revision`` by then is no answer to keep.
"""

from collections.abc import Callable
from typing import NamedTuple

from trellis.contracts.routing_table import Arm
from trellis.rollout.seen import RevisionSeen

#: A revision's fingerprint: empty where it has none, None where that is not known yet.
FingerprintOf = Callable[[RevisionSeen], str | None]


class Keeping(NamedTuple):
    """An arm's fingerprint and the name in its answers; none of both where none are kept."""

    fingerprint: str = ""
    serving_revision: str | None = None


NOTHING = Keeping()


def keeping(
    sole: RevisionSeen | None, version: str, before: Arm | None, fingerprint_of: FingerprintOf
) -> Keeping:
    """Of an arm of that ``version`` whose host leads to ``sole`` alone, None where it is split.

    A fingerprint that is not known yet is the one that the arm had ``before``, of the same revision:
    another controller may have asked already, and two that know different things would write their
    tables over each other's.
    """
    if sole is None or sole.version != version:
        return NOTHING
    fingerprint = fingerprint_of(sole)
    if fingerprint is not None:
        return Keeping(fingerprint, sole.name) if fingerprint else NOTHING
    if before is not None and (before.serving_revision, before.version) == (sole.name, version):
        return Keeping(before.fingerprint, sole.name)
    return NOTHING
