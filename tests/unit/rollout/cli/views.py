"""Rollouts as the plan itself leaves them."""

from functools import cache

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutView
from trellis.rollout.simulate.behaviour import Behaviour, Traffic
from trellis.rollout.simulate.rehearsal import Invented, rehearse

#: Seconds since 1970 at which every rehearsal begins.
BEGAN = 1_000_000_000.0


@cache
def rehearsed(error_rate: float = 0.001, longest: float = 60.0, **spec: str) -> RolloutView:
    """After ``longest`` seconds, or at its end."""
    whole = RolloutSpec.model_validate({"inferenceService": "tomato", **spec})
    traffic = Traffic(canary=Behaviour(error_rate=error_rate), requests_per_second=50)
    moments = list(rehearse(whole, Invented(whole, traffic, seed=1), longest))
    return RolloutView(name="tomato", spec=whole, status=moments[-1].status)
