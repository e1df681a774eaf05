"""By what gateways keep an arm's answers, pure.

They do while one revision has all requests of the arm's host: where Knative splits them, an answer that
was kept would keep requests from the canary. The table is behind Knative and behind what pods say of
themselves, by a second or two: what names another fingerprint than the arm's is no answer to keep.
"""

from collections.abc import Callable

from trellis.contracts.routing_table import Arm
from trellis.rollout.seen import RevisionSeen

#: A revision's fingerprint: empty where it has none, None where that is not known now.
FingerprintOf = Callable[[RevisionSeen], str | None]


def keeping(
    sole: RevisionSeen | None, version: str, before: Arm | None, fingerprint_of: FingerprintOf
) -> str:
    """The fingerprint of an arm of that ``version`` whose host leads to ``sole`` alone, None where it is
    split; empty where its answers are not kept.

    One that is not known now is the one that the arm had ``before``: the table that all controllers
    write is what is remembered of a service without pods, so none of them remembers another.
    """
    if sole is None or sole.version != version:
        return ""
    fingerprint = fingerprint_of(sole)
    if fingerprint is not None:
        return fingerprint
    return before.fingerprint if before is not None and before.version == version else ""
