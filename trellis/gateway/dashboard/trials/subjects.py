"""What a caller may see: the newest looks, of the caller's own models. Each look is shared by all."""

from typing import NamedTuple

from trellis.contracts.rollout_status import RolloutView
from trellis.gateway.access.callers import Caller
from trellis.gateway.dashboard.sampler import Sampler
from trellis.gateway.dashboard.trials.looks import (
    EVERY_SECONDS,
    ExperimentLook,
    ListLook,
    Samplers,
    TrialLooker,
)
from trellis.gateway.errors import Forbidden, NotFound
from trellis.gateway.rollouts import check_own


class Seen(NamedTuple):
    """A rollout as it was at a time, in seconds since 1970."""

    view: RolloutView
    time: float


class Subjects:
    """Looks are taken while somebody asks for them."""

    def __init__(self, looker: TrialLooker) -> None:
        self.all = Sampler(looker.all, EVERY_SECONDS)
        self.rollouts = Samplers(looker.rollout)
        self.experiments = Samplers(looker.experiment)

    async def rollout(self, name: str, caller: Caller) -> Seen:
        """One rollout. Raises ``NotFound``, ``Forbidden``, and why the controller gave none."""
        look = await self.rollouts.of(name).latest()
        if look.view is None:
            raise look.refusal or NotFound(f"there is no rollout {name[:64]!r}")
        check_own(look.view, caller)
        return Seen(look.view, look.time)

    async def experiment(self, name: str, caller: Caller) -> ExperimentLook:
        """One experiment. Raises as ``rollout``."""
        look = await self.experiments.of(name).latest()
        if look.experiment is None:
            raise look.refusal or NotFound(f"there is no experiment {name[:64]!r}")
        if not caller.is_for(look.experiment.model):
            raise Forbidden(f"key {caller.key_id} is not for the model of experiment {name!r}")
        return look


def own_list(look: ListLook, caller: Caller) -> ListLook:
    """What is of the caller's models."""
    return look._replace(
        rollouts=tuple(v for v in look.rollouts if caller.is_for(v.spec.inference_service)),
        experiments={n: e for n, e in look.experiments.items() if caller.is_for(e.model)},
    )
