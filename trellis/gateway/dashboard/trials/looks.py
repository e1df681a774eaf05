"""What the pages of rollouts and experiments are made of: one look each, shared by all viewers.

A look never fails: what could not be had is said in it.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from trellis.contracts.experiment import Experiment, ExperimentStatus
from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import RolloutView
from trellis.gateway.controller_client import ControllerClient
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.snapshot import experiments_of
from trellis.gateway.errors import GatewayError
from trellis.gateway.events.counts import experiment_status
from trellis.gateway.events.store import EventStore
from trellis.gateway.routing_table import TableHolder

#: Seconds between two looks at one page's subject.
EVERY_SECONDS = 3.0
#: Subjects whose last look is kept.
MOST_NAMES = 256


class ListLook(NamedTuple):
    """All of them; ``problems`` by what could not be had."""

    time: float
    rollouts: tuple[RolloutView, ...]
    experiments: dict[str, Experiment]
    problems: dict[str, str]


class RolloutLook(NamedTuple):
    """One rollout, or why there is none."""

    time: float
    view: RolloutView | None
    refusal: GatewayError | None


class ExperimentLook(NamedTuple):
    """One experiment: what it is, else ``refusal``; its evidence, else ``missing`` says why there is none.

    ``counts`` is what gateways met, None where they keep no events.
    """

    time: float
    experiment: Experiment | None
    view: ExperimentView | None
    counts: ExperimentStatus | None
    refusal: GatewayError | None
    missing: str


class TrialLooker:
    """Asks the controller; counts of experiments are the gateways' own."""

    def __init__(
        self, controller: ControllerClient, holder: TableHolder, events: EventStore | None
    ) -> None:
        self._controller = controller
        self._holder = holder
        self._events = events

    async def all(self) -> ListLook:
        """Every rollout and experiment."""
        problems: dict[str, str] = {}
        rollouts: tuple[RolloutView, ...] = ()
        experiments: dict[str, Experiment] = {}
        try:
            rollouts = (await self._controller.rollouts()).rollouts
        except GatewayError as error:
            problems["rollouts"] = str(error)
        try:
            experiments = (await self._controller.experiments()).experiments
        except GatewayError as error:
            problems["experiments"] = str(error)
        return ListLook(time.time(), rollouts, experiments, problems)

    async def rollout(self, name: str) -> RolloutLook:
        """One rollout."""
        try:
            return RolloutLook(time.time(), await self._controller.rollout(name), None)
        except GatewayError as error:
            return RolloutLook(time.time(), None, error)

    async def experiment(self, name: str) -> ExperimentLook:
        """One experiment."""
        try:
            experiment = (await self._controller.experiment(name)).experiment
        except GatewayError as error:
            return ExperimentLook(time.time(), None, None, None, error, "")
        view, missing = None, ""
        try:
            view = await self._controller.evidence(name)
        except GatewayError as error:
            missing = str(error)
        counts = await self._counts(name)
        return ExperimentLook(time.time(), experiment, view, counts, None, missing)

    async def _counts(self, name: str) -> ExperimentStatus | None:
        if self._events is None:
            return None
        try:
            routes = experiments_of(self._holder.router).get(name, {})
            counted = await self._events.counts(name)
        except GatewayError:
            return None
        arms = [arm for route in routes.values() for arm in route.rules.arms]
        return experiment_status(name, routes, arms, counted)


Seen = TypeVar("Seen")


class Samplers(Generic[Seen]):
    """One sampler a name; beyond ``MOST_NAMES`` the one that was asked for longest ago is let go."""

    def __init__(
        self,
        look: Callable[[str], Awaitable[Seen]],
        every: float = EVERY_SECONDS,
        most_names: int = MOST_NAMES,
    ) -> None:
        self._look, self._every, self._most_names = look, every, most_names
        self._samplers: OrderedDict[str, Sampler[Seen]] = OrderedDict()

    def of(self, name: str) -> Sampler[Seen]:
        """The sampler of a name."""
        if name not in self._samplers:
            self._samplers[name] = Sampler(lambda: self._look(name), self._every)
        self._samplers.move_to_end(name)
        if len(self._samplers) > self._most_names:
            self._samplers.popitem(last=False)
        return self._samplers[name]
