"""How a rollout in a cluster has gateways split its units, what it has counted, and when it asks for that."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tests.unit.rollout.plan.conductor import Conductor, spec_of, trying
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.gateways import UNCOUNTED_SECONDS, ClusterGateways
from trellis.rollout.cluster.rollouts import Rollout, rollout
from trellis.rollout.compile import WeightedRevision, compile_table
from trellis.rollout.events.store import EventsDown
from trellis.rollout.events.trial import TrialEvents
from trellis.rollout.plan import wanted_table
from trellis.rollout.seen import ServiceSeen

KEY = ("farm", "tomato")


class Known:
    """One Rollout, by anybody who asks for it, and its service."""

    def __init__(self, conductor: Conductor, spec: RolloutSpec | None = None) -> None:
        self.conductor, self.spec = conductor, spec or conductor.spec
        self.is_heard, self.token, self.gone = True, 1, False

    def rollouts_of(self, key: Key) -> tuple[Rollout, ...]:
        return (self._rollout(key[0]),) if key[1] == "tomato" else ()

    @property
    def rollouts(self) -> tuple[Rollout, ...]:
        return () if self.gone else (self._rollout("farm"),)

    def _rollout(self, namespace: str) -> Rollout:
        metadata = {
            "namespace": namespace,
            "name": "slow",
            "uid": "u",
            "resourceVersion": str(self.token),
            "generation": 1,
        }
        spec = self.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        status = self.conductor.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        return rollout({"metadata": metadata, "spec": spec, "status": status})

    def seen(self, key: Key) -> ServiceSeen | None:
        return self.conductor.service.seen() if key[1] == "tomato" else None


class Asked:
    """What was asked to be counted: the trial, the shares by revision, whether by unit."""

    def __init__(self) -> None:
        self.trials: list[tuple[str, dict[str, float], bool]] = []
        self.away = False

    async def expect(self, trial: str, *given: Any, by_unit: bool) -> None:
        if self.away:
            raise EventsDown("Redis is away")
        self.trials.append((trial, given[2], by_unit))


@dataclass
class Offered:
    """A table, and who has it."""

    table: RoutingTable | None = None
    held: dict[str, int] = field(default_factory=dict)
    is_complete: bool = True
    stirred: int = 0

    def stir(self) -> None:
        self.stirred += 1


class Place:
    """The gateways of the namespace ``farm`` while v2 has 5 % of tomato."""

    def __init__(self, *, events: bool = True, **spec: Any) -> None:
        self.conductor = trying()
        self.conductor.until_weight(5)
        self.known, self.asked = Known(self.conductor, spec_of(**spec)), Asked()
        self.offered, self.now = Offered(), 100.0
        self.gateways = ClusterGateways(
            cast("Cluster", self.known),
            cast("TrialEvents", self.asked) if events else None,
            lambda: self.offered,
            "farm",
            lambda: self.now,
        )

    async def follow(self, status: RolloutStatus | None = None, key: Key = KEY) -> None:
        status = status or self.conductor.status
        await self.gateways.follow(key, self.known.seen(key), status, wanted_table(status))

    def by_unit(self, key: Key = KEY) -> bool:
        status = self.conductor.status
        return self.gateways.by_unit(key, self.known.spec, status, self.known.seen(key))


BY_TAG = {"r-00001": 0.95, "r-00002": 0.05}


async def test_units_are_counted_before_the_table_splits_them() -> None:
    place = Place()
    await place.follow()
    ((_, shares, by_unit),) = place.asked.trials
    assert (shares, by_unit, place.offered.stirred) == (BY_TAG, True, 1)
    split = place.gateways.split(KEY)
    assert split is not None
    assert split.shares == shares
    assert place.by_unit()
    await place.follow()
    assert place.offered.stirred == 1  # nothing new


async def test_without_hosts_of_tags_each_request_is_split_and_outcomes_alone_are_counted() -> None:
    place = Place()
    seen = replace(place.conductor.service.seen(), tags={"prev": "r-00001"})
    await place.gateways.follow(KEY, seen, place.conductor.status, "tagged")
    ((_, shares, by_unit),) = place.asked.trials
    assert (shares, by_unit, place.offered.stirred) == (BY_TAG, False, 0)
    assert not place.gateways.by_unit(KEY, place.known.spec, place.conductor.status, seen)


async def test_gateways_of_another_namespace_follow_another_table() -> None:
    place, other = Place(), ("shop", "tomato")
    await place.follow(key=other)
    assert [by_unit for _, _, by_unit in place.asked.trials] == [False]
    assert (place.gateways.split(other), place.by_unit(other)) == (None, False)
    assert place.gateways.seen(other).hosts == "untagged"


async def test_where_nobody_reads_their_events_gateways_never_split() -> None:
    place = Place(events=False)
    await place.follow()
    assert (place.gateways.split(KEY), place.by_unit()) == (None, False)
    assert place.gateways.recorded("farm") == {}


def test_a_status_that_is_heard_anew_is_read_anew() -> None:
    place = Place()
    assert place.gateways.split(KEY) is not None
    place.conductor.says["v2/a"] = "harm"
    place.conductor.once()
    place.known.token += 1
    assert place.gateways.split(KEY) is None
    assert place.gateways.split(("farm", "bean")) is None


@pytest.mark.parametrize(
    ("window", "kept"), [(None, 3600.0), ("30s", 30.0)], ids=["errors alone", "conversions"]
)
def test_exposures_are_kept_while_units_are_split(window: str | None, kept: float) -> None:
    conversions = [{"metric": "conversions", "attributionWindow": window}] if window else []
    place = Place(guardrails=[{"metric": "errors"}, *conversions])
    assert place.gateways.recorded("farm") == {"tomato": kept}
    assert place.gateways.recorded("shop") == {}
    place.conductor.until("Progressing")
    place.conductor.status = RolloutStatus()
    place.known.token += 1
    assert place.gateways.recorded("farm") == ({"tomato": kept} if window else {})


async def test_what_hinders_gateways_is_told() -> None:
    place = Place()
    assert place.gateways.seen(KEY).obstacle is None  # Redis was not asked yet
    await place.follow()
    assert place.gateways.seen(KEY).obstacle == ""
    place.asked.away = True
    for seconds in (0.0, UNCOUNTED_SECONDS - 1):
        place.now = 100.0 + seconds
        await place.follow()
        assert place.gateways.seen(KEY).obstacle == ""
    place.now = 100.0 + UNCOUNTED_SECONDS
    assert "Redis is away" in (place.gateways.seen(KEY).obstacle or "")
    place.asked.away = False
    await place.follow()
    assert place.gateways.seen(KEY).obstacle == ""
    assert "of the namespace farm" in (place.gateways.seen(("shop", "tomato")).obstacle or "")
    assert "has no Redis" in (Place(events=False).gateways.seen(KEY).obstacle or "")


async def test_what_is_known_of_a_rollout_goes_with_it() -> None:
    place = Place()
    await place.follow()
    place.gateways.recorded("farm")
    assert place.gateways.seen(KEY).obstacle == ""
    place.known.gone = True
    place.gateways.recorded("farm")
    assert place.gateways.seen(KEY).obstacle is None


@pytest.mark.parametrize("hold", ["manual", "refused"])
async def test_while_the_weight_is_not_ours_outcomes_are_those_of_requests(hold: str) -> None:
    place = Place()
    held = True if hold == "manual" else "ServiceUnknown"
    plan = place.conductor.status.plan | {hold: held}
    await place.follow(place.conductor.status.model_copy(update={"plan": plan}))
    assert [by_unit for _, _, by_unit in place.asked.trials] == [False]


def test_the_table_that_is_offered_tells_which_hosts_are_in_use_and_who_has_it() -> None:
    place = Place()
    assert place.gateways.seen(KEY).version == 0
    sides: tuple[tuple[str, Any], ...] = (("r-00001", "stable"), ("r-00002", "canary"))
    arms = [
        WeightedRevision(
            url=f"http://{name}",
            grpc_address=None,
            model="tomato",
            version=name,
            revision=name,
            fingerprint="",
            role=role,
            weight=1,
        )
        for name, role in sides
    ]
    place.offered.held = {"one": 1, "two": 0}
    place.offered.table = compile_table({"tomato": arms}, None, None)
    seen = place.gateways.seen(KEY)
    assert (seen.hosts, seen.version, seen.held) == ("tagged", 1, {"one": 1, "two": 0})
    place.offered.table = compile_table({"tomato": arms[:1]}, None, place.offered.table)
    assert place.gateways.seen(KEY).hosts == "untagged"
    assert not place.gateways.seen(KEY).turned_away
    place.offered.held = {"one": 2, "two": 2}
    assert place.gateways.seen(KEY).turned_away


async def test_one_that_does_not_hear_asks_only_for_what_it_decided_itself() -> None:
    place = Place()
    await place.follow()
    await place.follow()
    assert len(place.asked.trials) == 2
    place.known.is_heard = False
    await place.follow()
    assert len(place.asked.trials) == 2
    plan = place.conductor.status.plan | {"trialAt": 7.0}
    later = place.conductor.status.model_copy(update={"plan": plan})
    await place.follow(later)
    await place.follow(later)
    assert [trial for trial, _, _ in place.asked.trials][2:] == ["rollout/farm/slow/7.000"]


async def test_gateways_never_go_ahead_of_knative() -> None:
    """A weight that is asked for and not followed is looked at by nobody."""
    place = Place()
    await place.follow(place.conductor.status.model_copy(update={"weight": 20}))
    ((_, shares, by_unit),) = place.asked.trials
    assert (shares, by_unit) == (BY_TAG, True)
