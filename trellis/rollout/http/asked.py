"""What people may ask of the controller, whatever carries it out: a cluster or a local run."""

from typing import Protocol

from trellis.contracts.control import Experiments, ModelState, ModelStates
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import Command, RolloutView, RolloutViews


class Refused(Exception):
    """What cannot be done; ``status`` is HTTP's, the text a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Control(Protocol):
    """Each raises ``Refused``: 404 for what is not there, 409 where another owns it or it has changed."""

    async def models(self) -> ModelStates:
        """Every model and its revisions."""
        ...

    async def activate(self, model: str, version: str) -> ModelState:
        """All traffic to ``version``."""
        ...

    async def rollback(self, model: str, version: str) -> ModelState:
        """No traffic to ``version``."""
        ...

    async def experiments(self) -> Experiments:
        """All experiments."""
        ...

    async def experiment(self, name: str) -> Experiment:
        """One of them."""
        ...

    async def put_experiment(self, name: str, experiment: Experiment) -> Experiment:
        """Set one."""
        ...

    async def evidence(self, name: str) -> ExperimentView:
        """One of them, with what is known of its arms."""
        ...

    async def rollouts(self) -> RolloutViews:
        """All rollouts."""
        ...

    async def rollout(self, name: str) -> RolloutView:
        """One of them."""
        ...

    async def command(self, name: str, command: Command) -> RolloutView:
        """Ask something of a rollout; done soon after."""
        ...
