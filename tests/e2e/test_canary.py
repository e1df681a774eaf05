"""A canary by `canaryTrafficPercent`, through all its weights, under a load that must not notice.

The splits are random, a request at a time: a right one fails here once in a million runs of this
file (`ERROR`), and a weight of 10 that is in truth 5 or 20 passes once in a million.
"""

import time
from dataclasses import dataclass

import pytest

from tests.e2e.support.bounds import binomial_bounds
from tests.e2e.support.kube import Kube
from tests.e2e.support.load import Load, Request, Tally, send
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import Service, deploy, model
from tests.e2e.support.times import Times

ERROR = 1e-6
RATE = 20.0  # requests a second, all the while


@dataclass(frozen=True)
class Stage:
    """A state of the rollout: the weight that leads to it, the percent of the newest version in
    it, and how many requests are counted.
    """

    name: str
    weight: int | None
    percent: int
    count: int


#: After `0` a version that was never promoted is back where it began; after a promotion `0`
#: leads to the version before.
STAGES = (
    Stage("at 10 percent", 10, 10, 3000),
    Stage("at 50 percent", 50, 50, 1000),
    Stage("rolled back", 0, 0, 500),
    Stage("at 50 percent again", 50, 50, 1000),
    Stage("at 100 percent", 100, 100, 500),
    Stage("promoted", None, 100, 500),
    Stage("rolled back after the promotion", 0, 0, 500),
)


@dataclass
class Journey:
    """What was seen on the way: answers by stage, at the tag hosts, and of the steady load."""

    counts: dict[str, Tally]
    waiting: Tally
    tags: dict[str, Tally]
    steady: Tally
    revisions: tuple[str, str]


@pytest.fixture(scope="module")
def journey(kube: Kube, namespace: str, times: Times) -> Journey:
    """The whole way of a version, from its first revision to the rollback after its promotion."""
    service = deploy(kube, namespace, model(kube, "diabetes", "pvc://models/diabetes/v1"))
    first = service.until_ready()
    request = diabetes(kube.settings.http_port, service.host)
    with Load(request, RATE) as load:
        counts = {"the first version": send(request, 100)}
        second, waiting = _introduce(service, first, request, load, times)
        tags = {}
        for stage in STAGES:
            begin = time.monotonic()
            service.change(canaryTrafficPercent=stage.weight)
            shares = {first: 100 - stage.percent, second: stage.percent}
            service.until_traffic({name: share for name, share in shares.items() if share})
            times.add("a weight, until the status says it", time.monotonic() - begin)
            counts[stage.name] = send(request, stage.count)
            if stage.name == "at 50 percent":
                tags = {tag: send(_tagged(request, tag), 50) for tag in ("latest", "prev")}
    return Journey(counts, waiting, tags, load.tally, (first, second))


def _introduce(
    service: Service, first: str, request: Request, load: Load, times: Times
) -> tuple[str, Tally]:
    """Bring v2 in at 0: its revision, and what was answered until it was ready and a while after."""
    before, begin = load.tally.copy(), time.monotonic()
    service.change(canaryTrafficPercent=0, model={"storageUri": "pvc://models/diabetes/v2"})
    second = service.until_newer(first)
    service.until_traffic({first: 100})
    times.add("a new version, until it is ready at 0 percent", time.monotonic() - begin)
    waiting = send(request, 500)
    waiting.versions.update(load.tally.since(before))
    return second, waiting


def _tagged(request: Request, tag: str) -> Request:
    return request.to(f"{tag}-{request.host}")


def test_first_version_has_all_traffic(journey: Journey) -> None:
    assert journey.counts["the first version"].versions == {"v1": 100}


def test_new_version_at_zero_gets_no_request(journey: Journey) -> None:
    assert set(journey.waiting.versions) == {"v1"}
    assert journey.waiting.answered > 500, "the steady load stood still"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_share_of_the_new_version(stage: Stage, journey: Journey) -> None:
    tally = journey.counts[stage.name]
    assert tally.failures == []
    least, most = binomial_bounds(stage.count, stage.percent / 100, ERROR / len(STAGES))
    assert tally.answered == stage.count
    assert least <= tally.versions["v2"] <= most, tally.versions


def test_versions_are_revisions(journey: Journey) -> None:
    first, second = journey.revisions
    tally = journey.counts["at 50 percent"]
    assert tally.revisions == {first: tally.versions["v1"], second: tally.versions["v2"]}


@pytest.mark.parametrize(("tag", "version"), [("latest", "v2"), ("prev", "v1")])
def test_tag_host_reaches_one_version(tag: str, version: str, journey: Journey) -> None:
    assert journey.tags[tag].failures == []
    assert journey.tags[tag].versions == {version: 50}


def test_no_request_failed_in_any_change(journey: Journey, times: Times) -> None:
    assert journey.steady.failures == []
    assert journey.steady.answered > RATE * 10, "the steady load stood still"
    times.add("longest answer of the steady load through the canary", journey.steady.longest)


def test_bounds_tell_half_and_double_a_weight_apart() -> None:
    # What the counts above are worth: a tenth cannot be taken for a twentieth or a fifth.
    count = STAGES[0].count
    least, most = binomial_bounds(count, 0.10, ERROR / len(STAGES))
    _, most_of_half = binomial_bounds(count, 0.05, ERROR)
    least_of_double, _ = binomial_bounds(count, 0.20, ERROR)
    assert most_of_half < least < most < least_of_double
