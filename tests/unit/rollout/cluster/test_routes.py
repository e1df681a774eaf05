from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.cluster import Address
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.routes import Routes, routes_of, splits_by_tag, without_tags
from trellis.rollout.compile import compile_table
from trellis.rollout.experiments.assignment import AssignedArm, Assignment
from trellis.rollout.seen import RevisionSeen, ServiceSeen
from trellis.rollout.sticky import TagSplit


@dataclass(frozen=True)
class Named:
    key: Key


class Services:
    """InferenceServices of the namespace ``farm``, each with its version."""

    def __init__(self, **versions: str) -> None:
        self.versions = {name.replace("_", "-"): version for name, version in versions.items()}
        self.services = [Named(("farm", name)) for name in self.versions]
        self.fingerprints: dict[str, str] = {}  #: by revision; of others it is not known
        self.canaries: dict[str, str] = {}  #: versions with a tenth of a service's requests
        self.grpc = False
        self.split: TagSplit | None = None

    def seen(self, key: Key) -> ServiceSeen | None:
        if key[1] not in self.versions:
            return None
        version, name = self.versions[key[1]], f"{key[1]}-predictor-00001"
        found = {name: RevisionSeen(name, version, "i", 1.0, ready=True, grpc=self.grpc)}
        traffic = {name: 100, f"{key[1]}-predictor-00000": 0}
        if canary := self.canaries.get(key[1]):
            other = f"{key[1]}-predictor-00002"
            found[other] = RevisionSeen(other, canary, "j", 2.0, ready=True)
            traffic = {name: 90, other: 10}
        return ServiceSeen(
            name=key[1],
            token="1",
            wanted_version=version,
            wanted_identity="i",
            created=name,
            ready=name,
            rolled_out=name,
            revisions=found,
            traffic=traffic,
        )

    def fingerprint_of(self, revision: RevisionSeen) -> str | None:
        return self.fingerprints.get(revision.name)

    def address(self, key: Key) -> Address | None:
        return Address(f"{key[1]}-predictor", key[1]) if key[1] in self.versions else None


def assigned(experiment: str = "leaves", **services: str) -> Assignment:
    """Of ``tomato``, half of its units to each arm: the InferenceService by version."""
    arms: list[dict[str, Any]] = [
        {
            "version": version,
            "revision": f"{service}-predictor-00001",
            "service": service,
            "weight": 1 / len(services),
        }
        for version, service in services.items()
    ]
    return Assignment(
        experiment=experiment,
        model="tomato",
        strategy="hash",
        attribution_window=60.0,
        arms=tuple(AssignedArm.model_validate(arm) for arm in arms),
    )


def routes(
    known: Services,
    assignments: Iterable[Assignment] = (),
    previous: RoutingTable | None = None,
    namespace: str = "farm",
) -> Routes:
    return routes_of(
        known, namespace, assignments, previous, known.fingerprint_of, lambda _: known.split
    )


def table(routes: Routes, previous: RoutingTable | None = None) -> RoutingTable:
    return compile_table(routes.models, None, previous, trials=routes.trials, salts=routes.salts)


BOTH = Services(tomato="v1", tomato_b="v2")


def test_a_service_leads_to_its_own_host() -> None:
    found = table(routes(BOTH))
    assert {name: route.arms[0].url for name, route in found.models.items()} == {
        "tomato": "http://tomato-predictor.farm.svc.cluster.local",
        "tomato-b": "http://tomato-b-predictor.farm.svc.cluster.local",
    }
    assert not any(route.record for route in found.models.values())
    assert routes(BOTH, namespace="shop").models == {}


def test_an_experiment_leads_to_its_arms_and_leaves_each_its_own_name() -> None:
    found = table(routes(BOTH, [assigned(v1="tomato", v2="tomato-b")]))
    route = found.models["tomato"]
    assert (route.experiment, route.record, route.attribution_window) == ("leaves", True, 60)
    assert [(arm.url, arm.model, arm.version, arm.role, arm.weight) for arm in route.arms] == [
        ("http://tomato-predictor.farm.svc.cluster.local", "tomato", "v1", "arm", 0.5),
        ("http://tomato-b-predictor.farm.svc.cluster.local", "tomato-b", "v2", "arm", 0.5),
    ]
    (own,) = found.models["tomato-b"].arms
    assert (own.model, own.weight) == ("tomato-b", 1)


def test_an_arm_whose_service_went_stays_until_the_experiment_says_otherwise() -> None:
    experiment = assigned(v1="tomato", v2="tomato-b")
    before = table(routes(BOTH, [experiment]))
    gone = Services(tomato="v1")
    found = table(routes(gone, [experiment], before))
    assert found.models["tomato"] == before.models["tomato"]
    assert "tomato-b" not in found.models
    unknown = routes(gone, [experiment])
    assert unknown.trials == {}
    assert [arm.revision for arm in unknown.models["tomato"]] == ["tomato-predictor"]


def test_of_two_experiments_of_one_model_the_first_counts() -> None:
    first, second = assigned("one", v1="tomato", v2="tomato-b"), assigned("two", v1="tomato")
    found = table(routes(BOTH, [first, second]))
    assert found.models["tomato"].experiment == "one"


def test_a_service_that_no_table_can_hold_leaves_the_others_theirs() -> None:
    found = routes(Services(bean="bean:v1", tomato="v1"))
    assert set(found.models) == {"tomato"}
    assert set(found.left_out) == {"bean"}


def keeps(found: Routes, model: str = "tomato") -> list[str]:
    """By what gateways keep the answers of a model's arms."""
    return [arm.fingerprint for arm in table(found).models[model].arms]


def test_answers_of_one_revision_alone_are_kept_by_its_fingerprint() -> None:
    known = Services(tomato="v1")
    assert keeps(routes(known)) == [""]  # not known yet
    known.fingerprints = {"tomato-predictor-00001": "sha256:1"}
    assert keeps(routes(known)) == ["sha256:1"]
    known.fingerprints = {"tomato-predictor-00001": ""}
    assert keeps(routes(known)) == [""]


def test_no_answers_are_kept_while_requests_are_split() -> None:
    known = Services(tomato="v1")
    known.fingerprints = {
        "tomato-predictor-00001": "sha256:1",
        "tomato-predictor-00002": "sha256:2",
    }
    before = table(routes(known))
    known.canaries = {"tomato": "v2"}
    assert keeps(routes(known, previous=before)) == [""]
    known.canaries = {"tomato": "v1"}  # the same version, and another revision
    assert keeps(routes(known, previous=before)) == [""]


def test_what_another_controller_found_holds_until_this_one_knows() -> None:
    known = Services(tomato="v1")
    known.fingerprints = {"tomato-predictor-00001": "sha256:1"}
    experiment = assigned(v1="tomato")
    for assignments in ([], [experiment]):
        kept = table(routes(known, assignments))
        unasked = Services(tomato="v1")
        assert table(routes(unasked, assignments, kept)).models == kept.models
        unasked.fingerprints = {"tomato-predictor-00001": ""}
        assert keeps(routes(unasked, assignments, kept)) == [""]
        # Of another version it says nothing.
        other = Services(tomato="v1.1")
        assert keeps(routes(other, [assigned(**{"v1.1": "tomato"})], kept)) == [""]


def test_an_arm_keeps_answers_of_the_version_that_was_assigned() -> None:
    known = Services(tomato="v1", tomato_b="v2")
    known.fingerprints = {
        "tomato-predictor-00001": "sha256:1",
        "tomato-b-predictor-00001": "sha256:2",
    }
    experiment = assigned(v1="tomato", v2="tomato-b")
    both = ["sha256:1", "sha256:2"]
    assert keeps(routes(known, [experiment])) == both
    known.versions["tomato-b"] = "v3"
    assert keeps(routes(known, [experiment])) == [both[0], ""]
    known.canaries = {"tomato": "v2"}
    assert keeps(routes(known, [experiment])) == ["", ""]


def test_of_a_service_that_is_gone_nothing_is_kept() -> None:
    known = Services(tomato="v1", tomato_b="v2")
    known.fingerprints = {"tomato-b-predictor-00001": "sha256:2"}
    experiment = assigned(v1="tomato", v2="tomato-b")
    before = table(routes(known, [experiment]))
    del known.versions["tomato-b"]
    assert keeps(routes(known, [experiment], before)) == ["", ""]


def test_a_revision_that_speaks_grpc_has_its_address_too() -> None:
    known = Services(tomato="v1")
    assert [arm.grpc_address for arm in table(routes(known)).models["tomato"].arms] == [None]
    known.grpc = True
    address = "tomato-predictor.farm.svc.cluster.local:80"
    for assignments in ([], [assigned(v1="tomato")]):
        kept = table(routes(known, assignments))
        (arm,) = kept.models["tomato"].arms
        assert (arm.grpc_address, arm.url) == (address, f"http://{address[:-3]}")
    # It stays reachable as the table had it, for as long as the experiment has the arm.
    gone = routes(Services(bean="v1"), [assigned(v1="tomato")], kept)
    assert table(gone).models["tomato"].arms[0].grpc_address == address


def a_tenth() -> Services:
    """A trial of v2 that gateways split, with its fingerprints."""
    known = Services(tomato="v1")
    stable = RevisionSeen("tomato-predictor-00001", "v1", "i", 1.0, ready=True)
    canary = RevisionSeen("tomato-predictor-00002", "v2", "j", 2.0, ready=True, grpc=True)
    known.canaries = {"tomato": "v2"}
    known.split = TagSplit(stable, canary, 10, "rollout/farm/tomato/1.000")
    known.fingerprints = {stable.name: "sha256:1", canary.name: "sha256:2"}
    return known


def test_a_trial_that_gateways_split_leads_to_the_hosts_of_tags() -> None:
    known = a_tenth()
    route = table(routes(known)).models["tomato"]
    host = "tomato-predictor.farm.svc.cluster.local"
    assert [(arm.url, arm.grpc_address, arm.version, arm.role) for arm in route.arms] == [
        (f"http://prev-{host}", None, "v1", "stable"),
        (f"http://latest-{host}", f"latest-{host}:80", "v2", "canary"),
    ]
    assert [round(arm.weight, 12) for arm in route.arms] == [0.9, 0.1]
    assert [arm.tag for arm in route.arms] == ["prev", "latest"]
    # Each host leads to one revision, so that answers may be kept.
    assert [arm.fingerprint for arm in route.arms] == ["sha256:1", "sha256:2"]
    assert splits_by_tag(route)
    known.split = None
    own = table(routes(known)).models["tomato"]
    assert not splits_by_tag(own)
    assert [arm.url for arm in own.arms] == [f"http://{host}"]


def test_an_experiment_of_the_same_model_goes_before_a_trial() -> None:
    route = table(routes(a_tenth(), [assigned(v1="tomato")])).models["tomato"]
    assert (route.experiment, splits_by_tag(route)) == ("leaves", False)


def test_units_stay_through_steps_and_through_a_while_at_the_services_own_host() -> None:
    known = a_tenth()
    split, previous = known.split, None
    assert split is not None
    for weight in (5, 20, None, 20, 50):
        known.split = split._replace(weight=weight) if weight else None
        previous = table(routes(known, previous=previous), previous)
        if weight:
            canary = previous.models["tomato"].arms[1]
            assert canary.intervals == ((1 - weight / 100, 1.0),)


def test_other_people_meet_the_next_trial_first() -> None:
    known = a_tenth()
    first = table(routes(known)).models["tomato"]
    assert known.split is not None
    known.split = known.split._replace(trial="rollout/farm/tomato/2.000")
    second = table(routes(known)).models["tomato"]
    known.split = None
    salts = {first.salt, second.salt, table(routes(known)).models["tomato"].salt}
    assert len(salts) == 3


def test_units_are_led_away_from_tags_without_anything_else_known() -> None:
    known = a_tenth()
    split = table(routes(known))
    assert without_tags(split, {"bean"}) is split
    led_away = without_tags(split, {"tomato"})
    assert led_away.version == split.version + 1
    known.split = None
    own = table(routes(known))
    assert led_away.models == own.models
