from dataclasses import dataclass
from typing import Any

from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.cluster import Address
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.routes import Routes, routes_of
from trellis.rollout.compile import compile_table
from trellis.rollout.experiments.assignment import AssignedArm, Assignment
from trellis.rollout.seen import RevisionSeen, ServiceSeen


@dataclass(frozen=True)
class Named:
    key: Key


class Services:
    """InferenceServices of the namespace ``farm``, each with its version."""

    def __init__(self, **versions: str) -> None:
        self.versions = {name.replace("_", "-"): version for name, version in versions.items()}
        self.services = [Named(("farm", name)) for name in self.versions]

    def seen(self, key: Key) -> ServiceSeen | None:
        if key[1] not in self.versions:
            return None
        version, name = self.versions[key[1]], f"{key[1]}-predictor-00001"
        return ServiceSeen(
            name=key[1],
            token="1",
            wanted_version=version,
            wanted_identity="i",
            created=name,
            ready=name,
            rolled_out=name,
            revisions={name: RevisionSeen(name, version, "i", 1.0, ready=True)},
        )

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


def table(routes: Routes) -> RoutingTable:
    return compile_table(routes.models, None, None, trials=routes.trials)


BOTH = Services(tomato="v1", tomato_b="v2")


def test_a_service_leads_to_its_own_host() -> None:
    found = table(routes_of(BOTH, "farm", (), None))
    assert {name: route.arms[0].url for name, route in found.models.items()} == {
        "tomato": "http://tomato-predictor.farm.svc.cluster.local",
        "tomato-b": "http://tomato-b-predictor.farm.svc.cluster.local",
    }
    assert not any(route.record for route in found.models.values())
    assert routes_of(BOTH, "shop", (), None).models == {}


def test_an_experiment_leads_to_its_arms_and_leaves_each_its_own_name() -> None:
    found = table(routes_of(BOTH, "farm", [assigned(v1="tomato", v2="tomato-b")], None))
    route = found.models["tomato"]
    assert (route.experiment, route.record, route.attribution_window) == ("leaves", True, 60)
    assert [(arm.url, arm.model, arm.version, arm.role, arm.weight) for arm in route.arms] == [
        ("http://tomato-predictor.farm.svc.cluster.local", "tomato", "v1", "arm", 0.5),
        ("http://tomato-b-predictor.farm.svc.cluster.local", "tomato-b", "v2", "arm", 0.5),
    ]
    # An answer may be kept by a fingerprint only, and that of an arm is not known here.
    assert {arm.fingerprint for arm in route.arms} == {""}
    (own,) = found.models["tomato-b"].arms
    assert (own.model, own.weight) == ("tomato-b", 1)


def test_an_arm_whose_service_went_stays_until_the_experiment_says_otherwise() -> None:
    experiment = assigned(v1="tomato", v2="tomato-b")
    before = table(routes_of(BOTH, "farm", [experiment], None))
    gone = Services(tomato="v1")
    found = table(routes_of(gone, "farm", [experiment], before))
    assert found.models["tomato"] == before.models["tomato"]
    assert "tomato-b" not in found.models
    unknown = routes_of(gone, "farm", [experiment], None)
    assert unknown.trials == {}
    assert [arm.revision for arm in unknown.models["tomato"]] == ["tomato-predictor"]


def test_of_two_experiments_of_one_model_the_first_counts() -> None:
    first, second = assigned("one", v1="tomato", v2="tomato-b"), assigned("two", v1="tomato")
    found = table(routes_of(BOTH, "farm", [first, second], None))
    assert found.models["tomato"].experiment == "one"


def test_a_service_that_no_table_can_hold_leaves_the_others_theirs() -> None:
    routes = routes_of(Services(bean="bean:v1", tomato="v1"), "farm", (), None)
    assert set(routes.models) == {"tomato"}
    assert set(routes.left_out) == {"bean"}
