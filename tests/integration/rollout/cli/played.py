"""What ``trellis up`` offers to a person's commands, with the plan's own code and a service on paper."""

import time

from trellis.contracts.control import Experiments, ModelState, ModelStates
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import (
    ArmEvidence,
    ExperimentResourceStatus,
    ExperimentSpec,
    ExperimentView,
)
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Command, RolloutStatus, RolloutView, RolloutViews
from trellis.rollout.http.asked import Refused
from trellis.rollout.plan import decide
from trellis.rollout.simulate.service import PaperService


class Played:
    """One rollout, ``tomato``, at its first step; no evidence ever comes. Each question is a pass."""

    def __init__(self) -> None:
        self.spec = RolloutSpec(inference_service="tomato")
        self.status = RolloutStatus()
        self.commands: list[Command] = []
        self.named: dict[str, Experiment] = {}
        #: Whether commands are only kept, as by a controller that hangs.
        self.deaf = False
        self._service = PaperService()
        for _ in range(5):
            self._pass()

    def _pass(self) -> None:
        decision = decide(
            self.spec,
            self.status,
            self._service.seen(),
            None,
            [] if self.deaf else self.commands,
            time.time(),
            self._service.gateways,
        )
        self.status, self._service = decision.status, self._service.after(decision)

    async def rollouts(self) -> RolloutViews:
        return RolloutViews(rollouts=(await self.rollout("tomato"),))

    async def rollout(self, name: str) -> RolloutView:
        if name != "tomato":
            raise Refused(404, f"unknown rollout {name!r}; known are: tomato")
        self._pass()
        return RolloutView(name=name, spec=self.spec, status=self.status)

    async def command(self, name: str, command: Command) -> RolloutView:
        view = await self.rollout(name)
        self.commands.append(command)
        return view

    async def models(self) -> ModelStates:
        return ModelStates()

    async def activate(self, model: str, version: str) -> ModelState:
        raise Refused(404, f"unknown model {model!r}")

    async def rollback(self, model: str, version: str) -> ModelState:
        raise Refused(404, f"unknown model {model!r}")

    async def experiments(self) -> Experiments:
        return Experiments(experiments=self.named)

    async def experiment(self, name: str) -> Experiment:
        if name not in self.named:
            raise Refused(404, f"unknown experiment {name!r}; known are: none")
        return self.named[name]

    async def evidence(self, name: str) -> ExperimentView:
        """See ``Control``."""
        spec = ExperimentSpec.of_http(await self.experiment(name))
        arms = tuple(
            ArmEvidence(version=arm.version, weight=0.5, units=40, estimate=0.25)
            for arm in spec.arms
        )
        status = ExperimentResourceStatus(phase="Running", message="so far so good", arms=arms)
        return ExperimentView(name=name, spec=spec, status=status)

    async def put_experiment(self, name: str, experiment: Experiment) -> Experiment:
        self.named[name] = experiment
        return experiment
