from dataclasses import replace

import pytest

from tests.unit.rollout.plan.conductor import Conductor, spec_of, trying
from trellis.rollout.sticky import split_now, tag_split


@pytest.fixture
def stepping() -> Conductor:
    """v2 has 5 % of traffic."""
    conductor = trying()
    conductor.until_weight(5)
    return conductor


def test_both_sides_of_a_trial_by_the_revisions_behind_their_tags(stepping: Conductor) -> None:
    split = tag_split(stepping.spec, stepping.status, stepping.service.seen())
    assert split is not None
    assert (split.stable.version, split.canary.version, split.weight) == ("v1", "v2", 5)
    assert split.shares == {"r-00001": 0.95, "r-00002": 0.05}
    assert split_now(stepping.spec, stepping.status, stepping.service.seen()) == split


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"prev": "r-00001"},  # tag routing is not asked for
        {"latest": "r-00002"},  # promoted by somebody else
        {"prev": "r-00001", "latest": "r-00001"},
        {"prev": "r-00002", "latest": "r-00001"},
        {"prev": "r-00001", "latest": "r-00009"},
    ],
)
def test_without_a_host_of_each_side_nothing_is_split(
    stepping: Conductor, tags: dict[str, str]
) -> None:
    seen = replace(stepping.service.seen(), tags=tags)
    assert tag_split(stepping.spec, stepping.status, seen) is None


def test_a_revision_of_the_same_version_takes_the_others_place(stepping: Conductor) -> None:
    stepping.service.annotate("argocd")
    stepping.service.settle()
    stepping.service.start("r-00003")
    stepping.service.settle()
    stepping.run()
    split = tag_split(stepping.spec, stepping.status, stepping.service.seen())
    assert split is not None
    assert split.canary.name == "r-00003"


def test_only_where_the_spec_asks_for_it(stepping: Conductor) -> None:
    seen = stepping.service.seen()
    assert tag_split(spec_of(split="request"), stepping.status, seen) is None


def test_only_while_the_plan_has_gateways_split(stepping: Conductor) -> None:
    stepping.says["v2/a"] = "harm"
    stepping.once()
    assert split_now(stepping.spec, stepping.status, stepping.service.seen()) is None
