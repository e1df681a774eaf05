"""Whatever Knative does before or after the table: an answer is kept as its own version's or not at all."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.unit.gateway.cache.targets import target_of
from tests.unit.rollout.cluster.test_routes import Services, table
from trellis.contracts.routing_table import Arm, RoutingTable
from trellis.gateway.cache.answer import CachedAnswer
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.keeping import keeping
from trellis.rollout.cluster.routes import routes_of
from trellis.rollout.experiments.assignment import Assignment
from trellis.rollout.seen import RevisionSeen, ServiceSeen


class Answerer(NamedTuple):
    """A revision, and the fingerprint in its answers; empty: it tells none."""

    version: str
    fingerprint: str


#: The first came back with another content, and one is of an image that tells nothing of itself.
ANSWERERS = {
    "r1": Answerer("v1", "sha256:1"),
    "r2": Answerer("v2", "sha256:2"),
    "r3": Answerer("v3", ""),
    "r4": Answerer("v1", "sha256:4"),
}
#: What the arm had before, by version.
BEFORE = [None, *itertools.product(["v1", "v2"], ["", "sha256:1", "sha256:2", "sha256:9"])]


def splits() -> Iterator[tuple[dict[str, int], str]]:
    """What may be seen of a service: its traffic, and which revision holds the rest of it."""
    for one, other in itertools.permutations(ANSWERERS, 2):
        for share in (0, 1, 50, 99, 100):
            for holder in (one, other):
                yield {one: 100 - share, other: share}, holder


class Service(Services):
    """One, tomato, as it is seen."""

    def __init__(self, traffic: dict[str, int], holder: str, *, asked: bool) -> None:
        super().__init__(tomato=ANSWERERS[holder].version)
        self.traffic, self.holder, self.asked = traffic, holder, asked

    def seen(self, key: Key) -> ServiceSeen | None:
        found = super().seen(key)
        assert found is not None
        revisions = {
            n: RevisionSeen(n, a.version, n, 1.0, ready=True) for n, a in ANSWERERS.items()
        }
        changed: dict[str, Any] = {"rolled_out": self.holder, "traffic": self.traffic}
        return ServiceSeen(**{**vars(found), "revisions": revisions, **changed})

    def fingerprint_of(self, revision: RevisionSeen) -> str | None:
        return ANSWERERS[revision.name].fingerprint if self.asked else None


def no_split(_service: Key) -> None:
    """Each request is split behind the service's own host."""


def table_before(version: str, fingerprint: str, assignments: list[Assignment]) -> RoutingTable:
    """The table in which tomato's arm had that version and fingerprint."""
    known = Service({"r1": 100}, "r1", asked=False)
    made = table(routes_of(known, "farm", assignments, None, known.fingerprint_of, no_split))
    route = made.models["tomato"]
    arm = route.arms[0].model_copy(update={"version": version, "fingerprint": fingerprint})
    return RoutingTable(version=1, models={"tomato": route.model_copy(update={"arms": (arm,)})})


def trial(version: str) -> Assignment:
    arm = {"version": version, "revision": "arm", "service": "tomato", "weight": 1.0}
    return Assignment.model_validate(
        {
            "experiment": "leaves",
            "model": "tomato",
            "strategy": "hash",
            "attributionWindow": 60.0,
            "arms": [arm],
        }
    )


@pytest.mark.parametrize(
    "assignments",
    [[], [trial("v1")], [trial("v2")]],
    ids=["its own", "an arm of v1", "an arm of v2"],
)
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "not known now"])
def test_no_answer_is_kept_as_another_versions(
    assignments: list[Assignment], *, asked: bool
) -> None:
    kept = 0
    for (traffic, holder), before in itertools.product(splits(), BEFORE):
        known = Service(traffic, holder, asked=asked)
        previous = table_before(*before, assignments) if before else None
        routes = routes_of(known, "farm", assignments, previous, known.fingerprint_of, no_split)
        (arm,) = table(routes).models["tomato"].arms
        if not arm.fingerprint:
            continue
        assert 100 in traffic.values()
        assert asked or before == (arm.version, arm.fingerprint)
        target = target_of("tomato", **arm.model_dump(exclude={"intervals"}))
        for name, answerer in ANSWERERS.items():
            said = {"version": answerer.version, "revision": name}
            if answerer.fingerprint:
                said["fingerprint"] = answerer.fingerprint
            headers = tuple((f"x-model-{key}".encode(), said[key].encode()) for key in said)
            if CachedAnswer(200, headers, b"{}").may_be_kept(target, 2):
                kept += 1
                assert (arm.version, arm.fingerprint) == (answerer.version, answerer.fingerprint)
    assert kept, "nothing is kept at all"


SOLE = RevisionSeen("r1", "v1", "i", 1.0, ready=True)


def arm_before(version: str) -> Arm:
    return Arm(
        url="http://tomato-predictor.farm.svc.cluster.local",
        model="tomato",
        version=version,
        revision="tomato-predictor",
        fingerprint="sha256:0",
    )


@pytest.mark.parametrize(
    ("before", "remembered"),
    [(None, ""), (arm_before("v1"), "sha256:0"), (arm_before("v2"), "")],
    ids=["no table before", "the version before", "another version before"],
)
@pytest.mark.parametrize(
    ("sole", "version", "fingerprint", "expected"),
    [
        (SOLE, "v1", "sha256:1", "sha256:1"),
        (SOLE, "v1", "", ""),
        (SOLE, "v1", None, None),
        (SOLE, "v3", "sha256:1", ""),
        (SOLE, "v3", None, ""),
        (None, "v1", "sha256:1", ""),
        (None, "v1", None, ""),
    ],
    ids=[
        "known",
        "none",
        "not known now",
        "another version",
        "another version, not known now",
        "split",
        "split, not known now",
    ],
)
def test_by_what_an_arms_answers_are_kept(
    sole: RevisionSeen | None,
    version: str,
    fingerprint: str | None,
    expected: str | None,
    before: Arm | None,
    remembered: str,
) -> None:
    wanted = remembered if expected is None else expected
    assert keeping(sole, version, before, lambda _: fingerprint) == wanted
