import pytest

from trellis.rollout.seen import RevisionSeen, ServiceSeen


@pytest.mark.parametrize(
    ("traffic", "sole"),
    [
        ({"r1": 100}, "r1"),
        ({"r1": 0, "r2": 100}, "r2"),
        ({"r1": 99, "r2": 1}, None),
        ({"r1": 99}, None),
        ({"r3": 100}, None),
        ({}, None),
    ],
    ids=["one", "one with all", "split", "not all", "not known", "none yet"],
)
def test_all_requests_reach_a_revision_that_has_all_of_the_traffic(
    traffic: dict[str, int], sole: str | None
) -> None:
    seen = ServiceSeen(
        name="tomato",
        token="1",
        wanted_version="v1",
        wanted_identity="i",
        created="r2",
        ready="r2",
        rolled_out="r1",
        revisions={name: RevisionSeen(name, "v1", "i", 1.0, ready=True) for name in ("r1", "r2")},
        traffic=traffic,
    )
    assert (seen.sole.name if seen.sole else None) == sole
