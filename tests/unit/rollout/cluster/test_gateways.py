"""What a rollout in a cluster has counted, and when it asks for that again."""

from typing import Any, cast

from tests.unit.rollout.cluster.test_routes import Services
from trellis.contracts.rollout_status import HistoryEntry, RolloutStatus, Side
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.gateways import ServiceHosts
from trellis.rollout.cluster.rollouts import Rollout, rollout
from trellis.rollout.events.trial import TrialEvents

KEY = ("farm", "tomato")


class Known:
    """One Rollout, by anybody who asks for it."""

    def __init__(self) -> None:
        self.is_heard = True

    def rollouts_of(self, _key: Key) -> tuple[Rollout, ...]:
        metadata = {
            "namespace": "farm",
            "name": "slow",
            "uid": "u",
            "resourceVersion": "1",
            "generation": 1,
        }
        return (rollout({"metadata": metadata, "spec": {"inferenceService": "tomato"}}),)


class Asked:
    """The trials that were asked for."""

    def __init__(self) -> None:
        self.trials: list[str] = []

    async def expect(self, trial: str, *_: Any) -> None:
        self.trials.append(trial)


def status(began: float) -> RolloutStatus:
    side = Side(revision="r", version="v1", identity="i")
    history = (HistoryEntry(time=began, what="began"),)
    return RolloutStatus(stable=side, canary=side, weight=10, history=history)


async def test_one_that_does_not_hear_asks_only_for_what_it_decided_itself() -> None:
    known, asked, seen = Known(), Asked(), Services(tomato="v1").seen(KEY)
    hosts = ServiceHosts(cast("Cluster", known), cast("TrialEvents", asked), lambda: 1)
    await hosts.follow(KEY, seen, status(1), "untagged")
    await hosts.follow(KEY, seen, status(1), "untagged")
    one = "rollout/farm/slow/1.000"
    assert asked.trials == [one, one]
    known.is_heard = False
    await hosts.follow(KEY, seen, status(1), "untagged")
    assert asked.trials == [one, one]
    await hosts.follow(KEY, seen, status(2), "untagged")
    await hosts.follow(KEY, seen, status(2), "untagged")
    assert asked.trials == [one, one, "rollout/farm/slow/2.000"]
