"""Revisions, their weights and the previous table to the next routing table, pure.

Intervals are never laid out anew: each table is the previous one with the smallest total
length moved, so a returning unit meets the same revision for as long as weights allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trellis.contracts.intervals import Intervals, reweight
from trellis.contracts.routing_table import Arm, ModelRoute, RoutingTable


@dataclass(frozen=True)
class WeightedRevision:
    """A revision that may answer, and its share of units in percent (any positive scale)."""

    url: str
    grpc_address: str | None
    model: str
    version: str
    revision: str
    fingerprint: str
    role: Literal["stable", "canary", "arm"]
    weight: float
    host: str | None = None


def compile_route(
    salt: str, revisions: Sequence[WeightedRevision], previous: ModelRoute | None
) -> ModelRoute:
    """The route of one model.

    ``previous`` is the model's route so far, with any revisions; where its salt differs its
    intervals mean nothing and are not kept. Raises ``ValueError`` where weights are negative
    or sum to 0, and where two revisions share a name.
    """
    owned: dict[str, Intervals] = {}
    if previous is not None and previous.salt == salt:
        owned = {arm.revision: arm.intervals for arm in previous.arms}
    weights = {revision.revision: revision.weight for revision in revisions}
    if len(weights) != len(revisions):
        raise ValueError(f"revisions repeat: {[revision.revision for revision in revisions]}")
    intervals = reweight(owned, weights)
    arms = tuple(
        Arm(
            url=revision.url,
            grpc_address=revision.grpc_address,
            host=revision.host,
            model=revision.model,
            version=revision.version,
            revision=revision.revision,
            fingerprint=revision.fingerprint,
            role=revision.role,
            intervals=intervals[revision.revision],
        )
        for revision in revisions
    )
    return ModelRoute(salt=salt, arms=arms)


def compile_table(
    models: Mapping[str, Sequence[WeightedRevision]],
    default_model: str | None,
    previous: RoutingTable | None,
    remembered: Mapping[str, ModelRoute] | None = None,
) -> RoutingTable:
    """The next table: its version is one higher where anything differs from ``previous``, which
    is returned itself where nothing does.

    ``models`` maps the name that clients ask for to its revisions; the name is the salt.
    ``remembered`` are routes of models that ``previous`` lacks and that may come back.
    ``default_model`` is dropped where the table does not have it (yet).
    """
    before = {**(remembered or {}), **(previous.models if previous else {})}
    routes = {
        name: compile_route(name, revisions, before.get(name)) for name, revisions in models.items()
    }
    default = default_model if default_model in routes else None
    if previous is not None and (previous.models, previous.default_model) == (routes, default):
        return previous
    version = previous.version + 1 if previous else 1
    return RoutingTable(version=version, default_model=default, models=routes)
