"""Whatever Knative does before or after the table: an answer is kept as its own version's or not at all."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.unit.gateway.cache.targets import target_of
from tests.unit.rollout.cluster.test_routes import Services, table
from trellis.gateway.cache.answer import CachedAnswer
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.keeping import NOTHING, Keeping, keeping
from trellis.rollout.cluster.routes import routes_of
from trellis.rollout.experiments.assignment import Assignment
from trellis.rollout.seen import RevisionSeen, ServiceSeen


class Answerer(NamedTuple):
    """A revision; ``names``: whether its answers say which it is."""

    version: str
    fingerprint: str
    names: bool = True


#: The first came back with another content, and one is of an image that tells nothing of itself.
ANSWERERS = {
    "r1": Answerer("v1", "sha256:1"),
    "r2": Answerer("v2", "sha256:2"),
    "r3": Answerer("v3", "", names=False),
    "r4": Answerer("v1", "sha256:4"),
}


def splits() -> Iterator[tuple[dict[str, int], str]]:
    """What may be seen of a service: its traffic, and which revision holds the rest of it."""
    for one, other in itertools.permutations(ANSWERERS, 2):
        for share in (0, 1, 50, 99, 100):
            for holder in (one, other):
                yield {one: 100 - share, other: share}, holder


class Service(Services):
    """One, tomato, as it is seen."""

    def __init__(self, traffic: dict[str, int], holder: str) -> None:
        super().__init__(tomato=ANSWERERS[holder].version)
        self.traffic, self.holder = traffic, holder

    def seen(self, key: Key) -> ServiceSeen | None:
        found = super().seen(key)
        assert found is not None
        revisions = {
            n: RevisionSeen(n, a.version, n, 1.0, ready=True) for n, a in ANSWERERS.items()
        }
        changed: dict[str, Any] = {"rolled_out": self.holder, "traffic": self.traffic}
        return ServiceSeen(**{**vars(found), "revisions": revisions, **changed})

    def fingerprint_of(self, revision: RevisionSeen) -> str | None:
        return ANSWERERS[revision.name].fingerprint


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
def test_no_answer_is_kept_as_another_versions(assignments: list[Assignment]) -> None:
    kept = 0
    for traffic, holder in splits():
        known = Service(traffic, holder)
        routes = routes_of(known, "farm", assignments, None, known.fingerprint_of)
        (arm,) = table(routes).models["tomato"].arms
        if not arm.fingerprint:
            continue
        assert 100 in traffic.values()
        target = target_of("tomato", **arm.model_dump(exclude={"intervals"}))
        for name, answerer in ANSWERERS.items():
            said = ((b"x-model-version", answerer.version), (b"x-model-revision", name))
            headers = tuple((key, word.encode()) for key, word in said if answerer.names)
            if CachedAnswer(200, headers, b"{}").may_be_kept(target, 2):
                kept += 1
                assert (arm.version, arm.fingerprint) == (answerer.version, answerer.fingerprint)
    assert kept, "nothing is kept at all"


SOLE = RevisionSeen("r1", "v1", "i", 1.0, ready=True)


@pytest.mark.parametrize(
    ("sole", "version", "fingerprint", "expected"),
    [
        (SOLE, "v1", "sha256:1", Keeping("sha256:1", "r1")),
        (SOLE, "v1", "", NOTHING),
        (SOLE, "v1", None, NOTHING),
        (SOLE, "v2", "sha256:1", NOTHING),
        (None, "v1", "sha256:1", NOTHING),
    ],
    ids=["known", "none", "not known yet", "another version", "split"],
)
def test_by_what_an_arms_answers_are_kept(
    sole: RevisionSeen | None, version: str, fingerprint: str | None, expected: Keeping
) -> None:
    assert keeping(sole, version, None, lambda _: fingerprint) == expected
