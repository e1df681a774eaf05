"""Revisions, their weights and the previous table to the next routing table, pure.

Intervals are never laid out anew: each table is the previous one with the smallest total
length moved, so a returning unit meets the same revision for as long as weights allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, NamedTuple

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


class Trial(NamedTuple):
    """The experiment that a model takes part in."""

    name: str
    strategy: Literal["hash", "random", "weighted"]
    attribution_window: float  # seconds

    @property
    def salt(self) -> str:
        """Another one than the model's own, so that no experiment inherits another's groups."""
        return blake2b(self.name.encode(), digest_size=16, person=b"experiment").hexdigest()


def compile_route(
    salt: str,
    revisions: Sequence[WeightedRevision],
    previous: ModelRoute | None,
    trial: Trial | None = None,
    attribution_window: float | None = None,
) -> ModelRoute:
    """The route of one model; with a ``trial`` its exposures are recorded, and where an
    ``attribution_window`` (seconds) says that a rollout wants them.

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
    if trial is None:
        if attribution_window is None:
            return ModelRoute(salt=salt, arms=arms)
        return ModelRoute(salt=salt, record=True, attribution_window=attribution_window, arms=arms)
    return ModelRoute(
        salt=salt,
        strategy=trial.strategy,
        experiment=trial.name,
        record=True,
        attribution_window=trial.attribution_window,
        arms=arms,
    )


def compile_table(
    models: Mapping[str, Sequence[WeightedRevision]],
    default_model: str | None,
    previous: RoutingTable | None,
    remembered: Mapping[str, ModelRoute] | None = None,
    trials: Mapping[str, Trial] | None = None,
    recorded: Mapping[str, float] | None = None,
    salts: Mapping[str, str] | None = None,
) -> RoutingTable:
    """The next table: its version is one higher where anything differs from ``previous``, which
    is returned itself where nothing does.

    ``models`` maps the name that clients ask for to its revisions; the name is the salt, unless
    ``salts`` has another of the model, or one of ``trials`` brings its own. ``recorded`` are the attribution windows, in seconds, of
    models whose exposures a rollout wants. ``remembered`` are earlier routes by salt: a model or an experiment
    that comes back finds each unit where it was. ``default_model`` is dropped where the table does
    not have it (yet).
    """
    before = dict(remembered or {})
    if previous is not None:
        before.update((route.salt, route) for route in previous.models.values())
    routes = {}
    for name, revisions in models.items():
        trial = (trials or {}).get(name)
        salt = trial.salt if trial else (salts or {}).get(name, name)
        routes[name] = compile_route(
            salt, revisions, before.get(salt), trial, (recorded or {}).get(name)
        )
    default = default_model if default_model in routes else None
    if previous is not None and (previous.models, previous.default_model) == (routes, default):
        return previous
    version = previous.version + 1 if previous else 1
    return RoutingTable(version=version, default_model=default, models=routes)
