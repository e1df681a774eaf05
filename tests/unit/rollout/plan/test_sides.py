import pytest

from trellis.contracts.rollout_status import Side
from trellis.rollout.plan.sides import canary_share, is_canary, side
from trellis.rollout.seen import RevisionSeen, ServiceSeen


def _seen(**identities: str) -> ServiceSeen:
    revisions = {
        name: RevisionSeen(name, identity, identity, 0.0, ready=True)
        for name, identity in identities.items()
    }
    return ServiceSeen(
        name="tomato",
        token="1",
        wanted_version="v2",
        wanted_identity="v2",
        created=None,
        ready=None,
        rolled_out=None,
        revisions=revisions,
        traffic={"r1": 70, "r2": 20, "r3": 10},
    )


def _side(name: str, identity: str) -> Side:
    return Side(revision=name, version=identity, identity=identity)


def test_all_revisions_of_its_identity_are_the_canarys() -> None:
    seen = _seen(r1="v1", r2="v2", r3="v2")
    assert canary_share(seen, _side("r1", "v1"), _side("r3", "v2")) == 30


def test_where_stable_has_the_same_only_its_own_is() -> None:
    seen = _seen(r1="v1", r2="v1", r3="v1")
    assert canary_share(seen, _side("r1", "v1"), _side("r3", "v1")) == 10


@pytest.mark.parametrize("name", [None, "gone"])
def test_what_is_not_known_is_nobodys(name: str | None) -> None:
    assert not is_canary(_seen(r1="v1"), name, None, _side("r2", "v2"))


def test_a_revision_as_a_side() -> None:
    assert side(_seen(r1="v1").revisions["r1"]) == _side("r1", "v1")
