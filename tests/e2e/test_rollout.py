"""A controller of charts/trellis moves a service's traffic by what its versions do under load.

One service goes through all of it: a good version to the end, one that errs and one that is slow back
again. In the middle of the first people apply its manifest again, in both ways, and all controllers
are killed.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.cluster.program import Program
from tests.e2e.support import namespaces, squares
from tests.e2e.support.bounds import binomial_bounds
from tests.e2e.support.gateway import install
from tests.e2e.support.kube import Document, Kube, stream
from tests.e2e.support.load import Load, Tally
from tests.e2e.support.rollouts import Rollout, Shares, is_true
from tests.e2e.support.services import Service, deploy
from tests.e2e.support.times import Times

ERROR = 1e-6
#: Requests a second of each kind: half of all are such that `errs` cannot answer them.
RATE = 20.0
STEPS = [
    {"weight": 5, "minimumTime": "2s"},
    {"weight": 20, "minimumTime": "12s"},
    {"weight": 50, "minimumTime": "2s"},
]
GUARDRAILS = [
    {"metric": "errors", "margin": {"ratio": 2}, "negligible": "20%"},
    # The queue-proxy's edge; what answers in a millisecond is over it only where the machine stands still.
    {"metric": "latency", "over": "250ms", "margin": {"ratio": 2}, "negligible": "20%"},
]
LITTLE = {"requests": {"cpu": "25m", "memory": "128Mi"}}


@dataclass(frozen=True)
class Under:
    """The steady load of both kinds."""

    plain: Load
    unlucky: Load

    @property
    def tally(self) -> Tally:
        """Of both, as it is now."""
        both = self.plain.tally.copy()
        both.versions.update(self.unlucky.tally.versions)
        both.failures.extend(self.unlucky.tally.failures)
        return both


@dataclass
class Trial:
    """What was seen of one version: its status at the end, traffic shares, answers meanwhile, and what
    people were told.
    """

    status: dict[str, Any]
    shares: list[int]
    before: Tally
    after: Tally
    shown: str
    events: list[Document]

    @property
    def answered(self) -> Tally:
        """What came back from the apply until the end."""
        failures = self.after.failures[len(self.before.failures) :]
        return Tally(self.after.since(self.before), failures=failures)

    @property
    def steps(self) -> list[tuple[str, int | None]]:
        """What was done of this version, and at what weight."""
        version = (self.status.get("canary") or self.status["stable"])["version"]
        return [
            (entry["what"], entry.get("weight"))
            for entry in self.status["history"]
            if entry.get("version") == version
        ]


@dataclass
class Story:
    """All of it, one version after the other."""

    good: Trial
    followed: dict[str, Any]
    errs: Trial
    slow: Trial
    late: Tally


@pytest.fixture(scope="module")
def namespace(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace whose claim holds good and bad versions."""
    folder = squares.put_on_nodes(kube.settings, tmp_path_factory.mktemp("models"))
    with namespaces.namespace(kube, f"{namespaces.PREFIX}rollout", folder) as name:
        yield name


@pytest.fixture(scope="module")
def rollout(kube: Kube, helm: Program, namespace: str) -> Rollout:
    """A controller, the first version, and a Rollout that waits for the next."""
    install(
        kube,
        helm,
        namespace,
        {
            "gateway": {"enabled": False},
            "controller": {
                "enabled": True,
                "replicas": 2,
                "scrapeInterval": 5,
                "resources": LITTLE,
            },
        },
    )
    kube.apply(squares.package(), namespace=namespace)
    deploy(kube, namespace, squares.service(kube, "v1")).until_ready()
    found = Rollout(kube, namespace, squares.NAME)
    found.apply(steps=STEPS, guardrails=GUARDRAILS, warmUp="2s")
    found.until("Idle")
    return found


@pytest.fixture(scope="module")
def story(kube: Kube, namespace: str, rollout: Rollout, times: Times) -> Story:
    """v2 is good, `errs` errs, `slow` is slow."""
    service = Service(kube, namespace, squares.NAME)
    port = kube.settings.http_port
    kinds = (squares.number(port, service.host, value) for value in (2.0, squares.UNLUCKY))
    with Load(next(kinds), RATE) as plain, Load(next(kinds), RATE) as unlucky:
        under = Under(plain, unlucky)
        with _tried(rollout, service, under, "v2") as good:
            rollout.until_weight(20)
            _apply_again(kube, namespace)
            _end_all_controllers(kube, namespace)
            # People wait for a condition; the one before must be known to be over.
            rollout.wait_as_people_do("Promoted")
            good.status = rollout.until("Promoted", "v2")
        followed = _label(rollout, service)
        with _tried(rollout, service, under, "errs") as errs:
            first = rollout.until_weight(5)
            errs.status = rollout.until("RolledBack", "errs")
            times.add(
                "a version that errs, from its first weight to its rollback", _took(errs, first)
            )
        settled = under.tally
        with _tried(rollout, service, under, "slow") as slow:
            first = rollout.until_weight(5)
            slow.status = rollout.until("RolledBack", "slow")
            times.add("a slow version, from its first weight to its rollback", _took(slow, first))
        time.sleep(2)
        late = Tally(
            under.tally.since(settled), failures=under.tally.failures[len(settled.failures) :]
        )
    return Story(good, followed, errs, slow, late)


@contextmanager
def _tried(rollout: Rollout, service: Service, under: Under, version: str) -> Iterator[Trial]:
    """Apply a version; what was seen until the block's end."""
    trial = Trial({}, [], under.tally, under.tally, "", [])
    with Shares(service) as shares:
        deploy(rollout.kube, rollout.namespace, squares.service(rollout.kube, version))
        yield trial
    side = trial.status.get("canary") or trial.status["stable"]
    trial.shares = shares.of(side["revision"])
    trial.after = under.tally
    trial.shown, trial.events = rollout.shown(), rollout.events()


def _apply_again(kube: Kube, namespace: str) -> None:
    """The manifest of v2 once more: as kubectl does it, and server-side by another manager."""
    document = squares.service(kube, "v2")
    kube.apply(document, namespace=namespace)
    kube.run(
        "apply", "--server-side", "--field-manager=somebody-s-pipeline", "--force-conflicts",
        "--namespace", namespace, "-f", "-", text=stream(document),
    )  # fmt: skip


def _label(rollout: Rollout, service: Service) -> dict[str, Any]:
    """A label, which makes a revision and no version; the status once that has the traffic."""
    before = service.newest
    change = {"metadata": {"labels": {"team": "growers"}}}
    rollout.kube.patch("inferenceservice", service.name, service.namespace, change)
    service.until_traffic({service.until_newer(before): 100})
    return rollout.until_done("followed")


def _end_all_controllers(kube: Kube, namespace: str) -> None:
    """At once; what comes in their place goes on with what they wrote."""
    kube.run(
        "delete", "pods", "--selector=app.kubernetes.io/component=controller",
        "--namespace", namespace, "--grace-period=0", "--force", "--wait=false",
    )  # fmt: skip


def _took(trial: Trial, first: dict[str, Any]) -> float:
    """Seconds from the first weight to the decision to roll back."""
    began: float = next(
        entry["time"] for entry in reversed(first["history"]) if entry["what"] == "weight"
    )
    back: float = next(
        entry["time"]
        for entry in reversed(trial.status["history"])
        if entry["what"] == "rolledBack"
    )
    return back - began


def test_a_good_version_goes_all_the_way(story: Story) -> None:
    assert story.good.shares == [0, 5, 20, 50, 100]
    assert is_true(story.good.status, "Promoted")
    assert story.good.answered.failures == []


def test_each_share_is_a_share_of_the_requests(story: Story) -> None:
    # All that v2 answered before it had half: at most a fifth of the requests by then.
    tally = story.good.answered
    assert tally.versions["v2"] > 0
    least, _ = binomial_bounds(tally.answered, 0.01, ERROR)
    assert tally.versions["v1"] > least


def test_neither_another_apply_nor_dead_controllers_repeat_or_skip_a_step(story: Story) -> None:
    assert story.good.steps == [
        ("began", 0),
        ("weight", 5),
        ("advanced", 20),
        ("advanced", 50),
        ("advanced", 50),  # on to all traffic
        ("promoted", 100),
    ]


def test_a_label_begins_no_rollout(story: Story) -> None:
    assert story.followed["phase"] == "Promoted"
    assert story.followed["stable"]["version"] == "v2"
    assert [entry["what"] for entry in story.followed["history"]].count("began") == 1


def test_a_version_that_errs_comes_back_by_itself(story: Story) -> None:
    assert story.errs.status["phase"] == "RolledBack"
    assert max(story.errs.shares) <= 20
    assert story.errs.shares[-1] == 0
    assert "errors" in story.errs.status["message"]


def test_the_reason_is_readable_in_kubectl(story: Story) -> None:
    assert "errors" in story.errs.shown, story.errs.shown
    told = [item for item in story.errs.events if item["reason"] == "Harm"]
    assert told, [item["reason"] for item in story.errs.events]
    assert "errors" in told[-1]["message"]
    assert told[-1]["type"] == "Warning"


def test_a_version_that_is_merely_slow_comes_back_on_its_latency(story: Story) -> None:
    assert story.slow.status["phase"] == "RolledBack"
    assert "latency" in story.slow.status["message"]
    assert max(story.slow.shares) <= 20
    assert story.slow.answered.failures == []


def test_no_version_ever_had_all_requests_at_its_beginning(story: Story) -> None:
    for trial in (story.good, story.errs, story.slow):
        assert trial.shares[:2] == [0, 5], trial.shares


def test_what_was_rolled_back_answers_nobody_when_the_next_comes(story: Story) -> None:
    assert story.late.versions["errs"] == 0
    assert set(story.late.versions) == {"v2", "slow"}


def test_while_no_controller_answers_a_version_is_refused_and_a_finalizer_is_not(
    kube: Kube, namespace: str, story: Story
) -> None:
    assert story.slow.status["phase"] == "RolledBack"
    kube.run("scale", "deploy/trellis-controller", "--replicas=0", "--namespace", namespace)
    kube.run(
        "wait", "pods", "--selector=app.kubernetes.io/component=controller", "--for=delete",
        "--namespace", namespace, "--timeout=90s",
    )  # fmt: skip
    assert "weights.trellis.dev" in kube.refusal(squares.service(kube, "v2"), namespace=namespace)
    for finalizers in (["example.com/held"], None):
        change = {"metadata": {"finalizers": finalizers}}
        kube.patch("inferenceservice", squares.NAME, namespace, change)
