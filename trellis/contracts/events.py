"""What gateways tell the rollout: a unit met an arm, and what came of it.

Both are entries of Redis streams, one field ``event`` with the document's JSON: exposures in
``<prefix>:{events}:exposures``, outcomes in ``<prefix>:{events}:outcomes``. The controller reads
them with the consumer group ``controller``. A stream grows to a bound of bytes; what the group has
read and acknowledged makes room first. Where nothing is left that was read, a further exposure is
dropped and counted in the hash ``<prefix>:{events}:dropped``, under ``experiment:<name>`` or
``model:<name>``; an outcome is refused. Under ``joins:experiment:<name>`` are those that were stored
but that no outcome can be joined to. An experiment with either count has ``EvidenceIncomplete``.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal

from pydantic import Field

from trellis.contracts.routing_table import WireDocument

#: The consumer group that the streams are kept for.
READERS = "controller"

OutcomeKind = Literal["label", "score", "conversion"]

#: Steps of a share that tell two shares apart, and where they lie between: at no decimal that anybody
#: writes, so that sums of floats fall on neither side by chance.
_STEPS, _BETWEEN = 100_000, 5**0.5 - 2


def digest_of_shares(shares: Mapping[str, float]) -> str:
    """What tells these shares of units (0 to 1, by revision) from others: 12 hex digits, whoever computes
    them. Revisions without a share do not matter.
    """
    given = {revision: share for revision, share in sorted(shares.items()) if share > 0}
    steps = [f"{revision}={round(share * _STEPS + _BETWEEN)}" for revision, share in given.items()]
    return blake2b("\n".join(steps).encode(), digest_size=6, person=b"shares").hexdigest()


class Exposure(WireDocument):
    """One request of a model whose route is recorded: its unit met an arm.

    One whose caller left before the answer is there with ``code`` 499 where the arm had been asked:
    else an arm that hangs would be met by nobody.

    ``arm`` is the revision that the unit was assigned to; ``revision`` and ``version`` are what
    served, which another arm's failure may have made another.
    """

    request_id: str
    unit: str = Field(description="16 hex digits of the unit's salted hash, never the unit itself")
    sticky: bool = Field(description="whether the unit returns: a header, cookie or key")
    experiment: str | None
    model: str
    arm: str
    version: str
    revision: str
    propensity: float = Field(ge=0, le=1, description="the assigned arm's share at that moment")
    shares: str = Field(
        "",
        description="`digest_of_shares` of all arms at that moment; empty: an older gateway wrote it",
    )
    table_version: int
    time: float = Field(description="seconds since 1970 at which the answer was known")
    code: int = Field(
        description="HTTP status, of gRPC mapped; from 500 on it is an error; 499: the caller left"
    )
    seconds: float = Field(ge=0, description="from the choice of the arm to the answer's end")
    cached: bool = False
    asked: bool = Field(False, description="a version was asked for: no random assignment")
    predicted: str | None = Field(
        None, description="the label that was answered, where the gateway read the answer itself"
    )


class Outcome(WireDocument):
    """What came of a request, joined to what served it. Sent at most once a request and kind."""

    request_id: str
    kind: OutcomeKind
    value: str | float | bool
    time: float = Field(description="seconds since 1970 at which the gateway took it")
    experiment: str | None
    model: str
    arm: str
    version: str
    revision: str
    exposed_at: float = Field(description="the exposure's time")
    unit: str = Field(description="the exposure's unit")
    sticky: bool = Field(description="whether the exposure's unit returns")
    propensity: float = Field(ge=0, le=1, description="the exposure's propensity")
    shares: str = Field("", description="the exposure's shares")
    asked: bool = Field(False, description="a version was asked for: no random assignment")
    predicted: str | None = Field(None, description="the exposure's predicted label")


class AuditEntry(WireDocument):
    """Who changed what; the newest few thousand are in the stream ``<prefix>:{events}:audit``."""

    time: float = Field(description="seconds since 1970")
    actor: str = Field(description="the id of the key, `open` where keys are not asked for")
    action: Literal["activate", "rollback", "experiment", "replay", "rollout"]
    model: str | None = Field(None, description="the model that it is about")
    subject: str = Field(
        description="model/version, the experiment's name, the job's id, or what was asked of which rollout"
    )
    request_id: str
    status: int = Field(description="HTTP status that the caller got")
    outcome: str = Field(description="`done`, or the sentence of the refusal")
