"""A rollout that users meet through the gateway: KServe's tag hosts are theirs for as long as the weight
allows, what they meet is the evidence, and nobody is left at a host that goes.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import pytest

from scripts.cluster.program import Program, ProgramFailed
from tests.e2e.support import namespaces, squares
from tests.e2e.support.bounds import binomial_bounds
from tests.e2e.support.gateway import RELEASE, Gateway, Steady, host, install
from tests.e2e.support.kube import Kube
from tests.e2e.support.rollouts import Rollout
from tests.e2e.support.services import Service, deploy
from tests.e2e.support.times import Times
from tests.e2e.support.waiting import NotYet, wait_for
from tests.integration.beside import Beside
from trellis.contracts.rollout import Guardrail
from trellis.rollout.cluster.routes import splits_by_tag
from trellis.rollout.evidence.tallies import Tallies
from trellis.rollout.metrics.exposition import samples
from trellis.rollout.metrics.families import PROXY_NAMES, of_queue_proxy

HOST_NAME = host("sticky-e2e")
ERROR = 1e-6
#: Users, who come again and again, and their requests a second.
USERS, RATE = 400, 40.0
STEPS = [{"weight": 20, "minimumTime": "12s"}, {"weight": 50, "minimumTime": "12s"}]
GUARDRAILS = [{"metric": "errors", "margin": {"ratio": 2}, "negligible": "20%"}]
#: Seconds for which a gateway may still use the table of before.
SOON = 2.0
LITTLE = {"requests": {"cpu": "25m", "memory": "128Mi"}}


@dataclass(frozen=True)
class Visit:
    """Who answered a user: v2, another version, or nobody (an error of the server's)."""

    time: float
    user: int
    by: Literal["another", "v2", "nobody"]


@dataclass
class Visitors:
    """All users in turn, each with a number; every other one's is such that `errs` cannot answer it."""

    gateway: Gateway
    visits: list[Visit] = field(default_factory=list)

    async def visit(self, session: aiohttp.ClientSession, number: int) -> None:
        """One request of one user."""
        user = number % USERS
        value = squares.UNLUCKY if user % 2 else 2.0
        tensor = {"name": "numbers", "datatype": "FP32", "shape": [1], "data": [value]}
        body = json.dumps({"inputs": [tensor]}).encode()
        path = f"/v2/models/{squares.NAME}/infer"
        # An answer from the cache says nothing of the version behind it.
        headers = {"x-unit-id": f"grower-{user}", "cache-control": "no-cache"}
        sent = time.monotonic()
        reply = await self.gateway.send(session, "POST", path, body, headers, tries=1)
        assert reply.status in {200, 500}, f"{reply.status} {reply.body!r}"
        if reply.status == 500:
            self.visits.append(Visit(sent, user, "nobody"))
            return
        (output,) = reply.json["outputs"]
        added: float = output["data"][0] - value**2
        self.visits.append(Visit(sent, user, "v2" if added == 1 else "another"))

    def between(self, first: float, last: float) -> list[Visit]:
        """In the order in which they were sent."""
        found = [visit for visit in self.visits if first <= visit.time <= last]
        return sorted(found, key=lambda visit: visit.time)


@dataclass
class Span:
    """The canary's share of units, and when the table was first and last seen with it."""

    share: int
    first: float
    last: float


@dataclass
class Tables(Beside):
    """A context that keeps the canary's shares of units that the controller's table had, in their order;
    0 where the service's own host splits.
    """

    gateway: Gateway
    seen: list[Span] = field(default_factory=list)

    def span(self, share: int) -> Span:
        """The first with that share."""
        return next(span for span in self.seen if span.share == share)

    @property
    def shares(self) -> list[int]:
        """In their order."""
        return [span.share for span in self.seen]

    def _run(self) -> None:
        while not self._stop.wait(0.5):
            # The table that is found then is one of this moment, or newer.
            asked = time.monotonic()
            try:
                share = self._share()
            except ProgramFailed:
                continue
            if not self.seen or self.seen[-1].share != share:
                self.seen.append(Span(share, time.monotonic(), asked))
            self.seen[-1].last = asked

    def _share(self) -> int:
        route = self.gateway.controllers_table.models[squares.NAME]
        return round(100 * route.arms[1].weight) if splits_by_tag(route) else 0


@dataclass
class Story:
    """A good version all the way, and one that errs."""

    visitors: Visitors
    good: Tables
    evidence: Tallies
    grown: tuple[float, float]
    promoted: float
    errs: Tables
    rolled_back: float
    why: str
    failures: list[str]


@pytest.fixture(scope="module")
def namespace(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace whose claim holds good and bad versions."""
    folder = squares.put_on_nodes(kube.settings, tmp_path_factory.mktemp("models"))
    with namespaces.namespace(kube, f"{namespaces.PREFIX}sticky", folder) as name:
        yield name


@pytest.fixture(scope="module")
def gateway(kube: Kube, helm: Program, namespace: str) -> Iterator[Gateway]:
    """Two gateways, a controller, and the first version."""
    own = {"resources": LITTLE}
    ingress = {"kind": "kourier", "hosts": [HOST_NAME]}
    install(
        kube,
        helm,
        namespace,
        {
            "gateway": {**own, "auth": "open", "replicas": 2, "ingress": ingress},
            "worker": own,
            "controller": {**own, "enabled": True, "scrapeInterval": 5},
        },
    )
    kube.apply(squares.package(), namespace=namespace)
    deploy(kube, namespace, squares.service(kube, "v1")).until_ready()
    yield Gateway(kube, namespace, HOST_NAME)
    helm("uninstall", RELEASE, "--namespace", namespace, "--wait", "--timeout", "120s")


@pytest.fixture(scope="module")
def story(kube: Kube, gateway: Gateway, times: Times) -> Story:
    """v2 is good, `errs` errs."""
    namespace = gateway.namespace
    rollout = Rollout(kube, namespace, squares.NAME)
    rollout.apply(steps=STEPS, guardrails=GUARDRAILS, warmUp="2s", split="unit")
    rollout.until("Idle")
    visitors = Visitors(gateway)
    with Steady(visitors.visit, RATE) as load:
        with Tables(gateway) as good:
            deploy(kube, namespace, squares.service(kube, "v2"))
            status = rollout.until_weight(50)
            evidence = _tallies(status)
            wait_for("table of the second step", lambda: _has(good, 50), 30)
            time.sleep(SOON)
            before = _counted(kube, namespace, status)
            time.sleep(3)
            grown = _counted(kube, namespace, status)
            rollout.until("Promoted", "v2")
            promoted = time.monotonic()
        with Tables(gateway) as errs:
            deploy(kube, namespace, squares.service(kube, "errs"))
            status = rollout.until("RolledBack", "errs")
            rolled_back = time.monotonic()
            time.sleep(2 * SOON)
    began, ended = (
        next(entry["time"] for entry in reversed(status["history"]) if entry["what"] == what)
        for what in ("weight", "rolledBack")
    )
    times.add(
        "users meet a version that errs, from its first weight to its rollback", ended - began
    )
    why: str = status["message"]
    grown = grown[0] - before[0], grown[1] - before[1]
    return Story(visitors, good, evidence, grown, promoted, errs, rolled_back, why, load.failures)


def _has(tables: Tables, share: int) -> None:
    if tables.shares[-1:] != [share]:
        raise NotYet(f"it had {tables.shares}")


def _tallies(status: dict[str, Any]) -> Tallies:
    """What was counted for the guardrail."""
    return Tallies.from_state(status["evidence"]["guardrails"]["parts"]["errors"]["tallies"])


def _counted(kube: Kube, namespace: str, status: dict[str, Any]) -> tuple[float, float]:
    """Requests that the canary's queue-proxy has answered: those split one by one, and those by a tag."""
    (pod,) = Service(kube, namespace, squares.NAME).pods(status["canary"]["revision"])
    where = f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}:9091/proxy/metrics"
    series = samples(kube.raw(where).encode(), PROXY_NAMES)
    told = of_queue_proxy(series, squares.NAME, [Guardrail(metric="errors")])
    return told.counters.counts["errors"].total, told.tagged


def test_not_one_request_is_lost(story: Story) -> None:
    assert story.failures == []
    good = story.visitors.between(0, story.errs.seen[0].first)
    assert [visit for visit in good if visit.by == "nobody"] == []


def test_gateways_split_at_each_step_and_turn_away_before_the_promotion(story: Story) -> None:
    assert story.good.shares == [0, 20, 50, 0]
    assert story.good.seen[-1].first < story.promoted


def test_a_user_who_met_the_new_version_stays_with_it(story: Story) -> None:
    first, last = story.good.span(20).first + SOON, story.good.span(50).last
    met: dict[int, list[str]] = {}
    for visit in story.visitors.between(first, last):
        met.setdefault(visit.user, []).append(visit.by)
    assert {"another", "v2"} == {by for versions in met.values() for by in versions}
    back = {user: versions for user, versions in met.items() if versions != sorted(versions)}
    assert back == {}


@pytest.mark.parametrize("share", [20, 50])
def test_the_weight_is_a_share_of_the_users(story: Story, share: int) -> None:
    span = story.good.span(share)
    visits = story.visitors.between(span.first + SOON, span.last)
    users = {visit.user for visit in visits}
    assert len(users) > USERS / 4
    new = {visit.user for visit in visits if visit.by == "v2"}
    least, most = binomial_bounds(len(users), share / 100, ERROR)
    assert least <= len(new) <= most, f"{len(new)} of {len(users)} met v2"


def test_what_users_meet_rolls_a_version_back(story: Story) -> None:
    assert "errors" in story.why
    assert story.errs.shares in ([0, 20, 0], [0])  # that soon, perhaps, that no table had it
    late = story.visitors.between(story.rolled_back + SOON, time.monotonic())
    assert late
    assert {visit.by for visit in late} == {"v2"}


def test_errors_were_few_and_the_new_versions_alone(story: Story) -> None:
    visits = story.visitors.between(story.errs.seen[0].first, story.rolled_back + SOON)
    assert all(visit.user % 2 for visit in visits if visit.by == "nobody")
    assert sum(visit.by == "nobody" for visit in visits) < len(visits) / 4


def test_the_evidence_is_by_unit(story: Story) -> None:
    """Requests of users who return are not independent: of those the queue-proxies' counts are none."""
    assert story.evidence.units.canary.total > 0
    assert story.evidence.units.stable.total > story.evidence.units.canary.total
    split_one_by_one, by_a_tag = story.grown
    assert by_a_tag > 0
    assert split_one_by_one == 0
