"""One request at its arm, from the choice to the answer's end, alike for every protocol.

It is counted where it is served, its outcome is told to the arm's health, and where the route is
recorded it becomes an exposure.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from trellis.contracts.events import Exposure
from trellis.contracts.routing_table import ModelRoute
from trellis.gateway.errors import Forbidden
from trellis.gateway.router import Route, Target
from trellis.gateway.units import Unit

#: Counted for a caller that went away: no status was sent, and it is nobody's error.
CLIENT_GONE = 499
#: What an arm that is down or broken answers, or the gateway for it.
ARM_FAILED = frozenset((502, 503, 504))
#: Seconds for a connection where another arm could answer instead.
PATIENCE_SECONDS = 1.0

#: Characters of a label that feedback may have too.
LONGEST_LABEL = 256

Met = Callable[[Exposure], None]
#: In an ASGI scope, what takes the request's exposure in place of the process's log: a job may be
#: asked more than once, and is one exposure. Only a worker makes such scopes.
MET = "trellis.met"


class Choice(NamedTuple):
    """``target`` is the unit's own, or the one of the version that was ``asked`` for.

    ``strict``: no other may answer, for the caller wants this version and no other.
    """

    unit: Unit
    target: Target
    asked: bool
    strict: bool


def choose(
    route: Route, unit: Unit, version: str | None, *, fallback: bool, scopes: frozenset[str]
) -> Choice:
    """The arm for one request. Raises ``NotFound``, ``Forbidden`` where versions are not for all."""
    if version is not None and route.rules.override == "scope" and "version" not in scopes:
        raise Forbidden(
            f"a version of model {route.model!r} may only be asked for by a key with the scope 'version'"
        )
    target = route.choose(unit, version, fallback=fallback)
    asked = version is not None
    return Choice(unit, target, asked=asked, strict=asked and not fallback)


class Attempt:
    """``target`` is where the request goes now. Every attempt is finished exactly once.

    ``met`` takes the exposure, None where there is none: no inference, or a route not recorded.
    ``asked`` tells whether the arm was asked for this request: not while its body is on its way, nor
    while it waits for the cache or for what another computes. Without it the end says nothing of
    the arm, and a caller that leaves has met none.
    """

    __slots__ = (
        "_began",
        "_choice",
        "_era",
        "_grpc",
        "_met",
        "_predicted",
        "_request_id",
        "_route",
        "_served_by",
        "asked",
        "target",
    )

    def __init__(
        self, route: Route, choice: Choice, request_id: str, met: Met | None, *, grpc: bool = False
    ) -> None:
        self._route = route
        self._choice = choice
        self._request_id = request_id
        self._met = met if route.rules.record else None
        self._grpc = grpc
        self._began = time.perf_counter()
        self._served_by: tuple[str, str] | None = None
        self._predicted: str | None = None
        self.asked = False
        target = choice.target
        if not choice.strict and not target.health.takes(time.monotonic()):
            target = route.in_place_of(target) or target
        self._go_to(target)

    @property
    def rules(self) -> ModelRoute:
        """What the table says of the model."""
        return self._route.rules

    @property
    def patience(self) -> float | None:
        """Seconds to wait for a connection; None where nobody else could answer."""
        return None if self._spare() is None else PATIENCE_SECONDS

    def fall_back(self) -> bool:
        """No connection came about, so nothing was sent: go to another arm, if one may answer."""
        spare = self._spare()
        if spare is None:
            return False
        self.target.health.failed(self._era, time.monotonic())
        self.target.meter.left()
        self._go_to(spare)
        return True

    def served_by(self, headers: Mapping[str, str]) -> None:
        """Note what an answer's headers say of who served: a tag host may lead elsewhere by now."""
        if self._met is not None:
            arm = self.target.arm
            self._served_by = (
                headers.get("x-model-version", arm.version),
                headers.get("x-model-revision", arm.revision),
            )

    def predicted(self, label: object) -> None:
        """Note the label that is answered; what a label that comes back is held against."""
        if isinstance(label, str) and len(label) <= LONGEST_LABEL:
            self._predicted = label

    def finish(self, code: int, *, cached: bool = False, excused: bool = False) -> None:
        """The answer has ended with ``code``; ``excused`` where a failure is not the arm's fault."""
        seconds = time.perf_counter() - self._began
        target = self.target
        target.meter.finished(code, seconds, grpc=self._grpc)
        if code == CLIENT_GONE or cached or excused or not self.asked:
            target.health.left(self._era)
        elif code in ARM_FAILED:
            target.health.failed(self._era, time.monotonic())
        else:
            target.health.served(self._era, time.monotonic())
        if self._met is not None and (self.asked or code != CLIENT_GONE):
            self._met(self._exposure(code, seconds, cached=cached))

    def _spare(self) -> Target | None:
        """Who answers in place of the present arm; at most one other ever does."""
        if self._choice.strict or self.target is not self._choice.target:
            return None
        return self._route.in_place_of(self.target)

    def _go_to(self, target: Target) -> None:
        self.target = target
        self._era = target.health.era
        target.meter.started()
        if target is not self._choice.target:
            self._choice.target.meter.fell_back()

    def _exposure(self, code: int, seconds: float, *, cached: bool) -> Exposure:
        route, choice = self._route, self._choice
        arm = self.target.arm
        version, revision = self._served_by or (arm.version, arm.revision)
        return Exposure(
            request_id=self._request_id,
            unit=route.unit_hash(choice.unit),
            sticky=choice.unit.sticky,
            experiment=route.rules.experiment,
            model=route.model,
            arm=choice.target.arm.revision,
            version=version,
            revision=revision,
            propensity=min(choice.target.arm.weight, 1.0),  # a sum of floats
            shares=route.shares,
            table_version=route.table_version,
            time=time.time(),
            code=code,
            seconds=seconds,
            cached=cached,
            asked=choice.asked,
            predicted=self._predicted,
        )
