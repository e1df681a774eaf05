"""A routing table made ready for requests: model, version and unit in, target out."""

import random
from typing import NamedTuple

from trellis.contracts.events import digest_of_shares
from trellis.contracts.routing_table import Arm, ModelRoute, RoutingTable
from trellis.gateway.assignment import UnitLine
from trellis.gateway.ejection import ArmHealth
from trellis.gateway.errors import NotFound
from trellis.gateway.healths import Healths
from trellis.gateway.metering import ArmMeter, Meters
from trellis.gateway.units import Unit


class Target(NamedTuple):
    """One arm, with what sending to it needs."""

    model: str
    arm: Arm
    meter: ArmMeter
    health: ArmHealth


class Route:
    """The arms of one model and the line that shares units among them."""

    def __init__(
        self, model: str, route: ModelRoute, meters: Meters, healths: Healths, table_version: int
    ) -> None:
        self.model = model
        self.table_version = table_version
        self.shares = digest_of_shares({arm.revision: arm.weight for arm in route.arms})
        self.rules = route
        self.targets = tuple(
            Target(
                model,
                arm,
                meters.of(model, arm.version, arm.revision),
                healths.of(model, arm),
            )
            for arm in route.arms
        )
        #: The arm that describes the model to everybody, and answers where another is down: role
        #: stable, else the one with most weight.
        self.stable = max(
            self.targets, key=lambda target: (target.arm.role == "stable", target.arm.weight)
        )
        named = self.stable.arm.role == "stable"
        by_weight = sorted(self.targets, key=lambda target: -target.arm.weight)
        #: Who may answer for others, the first choice first.
        self._others = (self.stable,) if named else tuple(by_weight)
        self._line = UnitLine(route.salt, [arm.intervals for arm in route.arms])
        self._by_unit = route.strategy != "random"

    def assigned(self, unit: Unit) -> Target:
        """The target that the unit's point falls to; with strategy ``random``, any by weight."""
        if self._by_unit:
            return self.targets[self._line.arm_of(unit.value)]
        return self.targets[self._line.at(random.random())]

    def choose(self, unit: Unit, version: str | None, *, fallback: bool) -> Target:
        """The unit's target, or where a version is asked for, an arm that serves it.

        Where several arms serve that version, the unit's own is taken if it is among them, else
        the one with the most weight. Raises ``NotFound`` naming the known versions, unless
        ``fallback`` lets the unit's own arm answer.
        """
        own = self.assigned(unit)
        if version is None or own.arm.version == version:
            return own
        serving = [target for target in self.targets if target.arm.version == version]
        if serving:
            return max(serving, key=lambda target: target.arm.weight)
        if fallback:
            return own
        known = ", ".join(sorted({target.arm.version for target in self.targets}))
        raise NotFound(f"model {self.model!r} has no version {version[:64]!r}; known are: {known}")

    def in_place_of(self, down: Target) -> Target | None:
        """The arm that answers for one that is down; None where no other is to be trusted more.

        It is the stable arm. Nobody answers for that one where the table names it so: a canary
        is not to get everybody. Where it is only the largest of an experiment, the next one does.
        """
        for other in self._others:
            if other.health.state == "in" and other is not down:
                return other
        return None

    def unit_hash(self, unit: Unit) -> str:
        """The unit as events name it, 16 hex digits: where it stands on the line, no more."""
        return self._line.digest(unit.value).hex()


class Router:
    """All routes of one routing table; immutable, replaced whole."""

    def __init__(
        self,
        table: RoutingTable,
        meters: Meters,
        healths: Healths,
        default_model: str | None = None,
    ) -> None:
        self.table_version = table.version
        self.routes = {
            model: Route(model, route, meters, healths, table.version)
            for model, route in table.models.items()
        }
        self._wanted_default = default_model or table.default_model

    @property
    def default_model(self) -> str | None:
        """The set default, else the table's, else the first by name; None without models.

        A default that the table does not have (yet) is still the default: asking for it is 404
        rather than an answer from another model.
        """
        if self._wanted_default is not None:
            return self._wanted_default
        return min(self.routes, default=None)

    def route(self, model: str) -> Route:
        """The route of one model; raises ``NotFound`` naming the known models."""
        try:
            return self.routes[model]
        except KeyError:
            known = ", ".join(sorted(self.routes)) or "none"
            raise NotFound(f"unknown model {model[:64]!r}; known are: {known}") from None
