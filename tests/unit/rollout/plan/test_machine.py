"""Any order of anything: two controllers that die at any line, KServe in the middle, people on top.

Each controller reads, decides, writes the status by compare-and-swap, and moves the weight of the
very object that it read; between any two of these everything else may happen.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.rollout.plan.conductor import STEPS, Conductor, State, spec_of
from tests.unit.rollout.plan.kserve_model import KServeModel, Template
from trellis.contracts.rollout_status import Command, RolloutStatus
from trellis.rollout.plan import Decision, GatewaysSeen
from trellis.rollout.seen import ServiceSeen

_STATES: list[State] = ["harm", "within", "within", "undecided", "blind"]
_DO = ["pause", "resume", "skip", "promote", "abort", "retry"]


@dataclass
class Controller:
    """What one of them holds in memory; dying loses it."""

    seen: ServiceSeen | None = None
    written: int = 0
    heard: int = 0  #: how many changes of the service it has not heard of
    decision: Decision | None = None


class Rollouts(RuleBasedStateMachine):
    """Nobody but us sets the weight, and the webhook stands."""

    @initialize(same_version=st.sampled_from(["follow", "trial"]), hold=st.booleans())
    def begin(self, same_version: str, hold: bool) -> None:
        on_deadline = "hold" if hold else "rollback"
        spec = spec_of(sameVersion=same_version, onDeadline=on_deadline, deadline="90s")
        self.service = KServeModel(Template("v1"))
        self.settle()
        self.settle()
        self.world = Conductor(self.service, spec)
        self.world.run(2)
        self.controllers = {"one": Controller(), "two": Controller()}
        self.news = [self.service.seen()]
        self.numbers = 0
        self.said: Counter[str] = Counter()
        self.asked: dict[str, int] = {}
        self.granted = {"r-00001"}
        self.closing: set[str] = set()
        self.furthest = 0
        self.world.says = {"v2/a": "within", "v3/a": "within", "v2/b": "harm"}

    # People.

    @rule(version=st.sampled_from(["v1", "v2", "v3"]), image=st.sampled_from(["a", "a", "b"]))
    def deploy(self, version: str, image: str) -> None:
        self.service.apply(Template(version, image))

    @rule(note=st.sampled_from(["", "argocd", "more memory"]))
    def annotate(self, note: str) -> None:
        self.service.annotate(note)

    @rule()
    def leave_the_weight_out(self) -> None:
        if self.service.running:
            self.service.apply(self.service.template, weight=None)

    @rule(do=st.sampled_from(_DO))
    def ask(self, do: str) -> None:
        self.numbers += 1
        document = {"id": f"c{self.numbers}", "do": do, "actor": f"person {self.numbers}"}
        self.world.commands = [*self.world.commands, Command.model_validate(document)][-3:]

    @rule(version=st.sampled_from(["v1", "v2", "v3"]), state=st.sampled_from(_STATES))
    def find(self, version: str, state: State) -> None:
        self.world.says[f"{version}/a"] = state

    # The cluster.

    @rule()
    def reconcile(self) -> None:
        self.service.reconcile()

    @rule()
    def configure(self) -> None:
        self.service.configure()

    @rule()
    def route(self) -> None:
        self.service.route()

    @rule(newest=st.booleans())
    def start(self, newest: bool) -> None:
        waiting = [name for name in self.service.revisions if name not in self.service.ready]
        if waiting:
            self.service.start(waiting[-1 if newest else 0])

    @rule()
    def fail(self) -> None:
        if self.service.created is not None:
            self.service.fail(self.service.created, "ImagePullBackOff")

    @rule()
    def settle(self) -> None:
        for name in self.service.revisions:
            if name not in self.service.failing:
                self.service.start(name)
        self.service.settle()

    @rule(seconds=st.sampled_from([1, 5, 30, 100, -50]))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(
        behind=st.booleans(),
        complete=st.booleans(),
        obstacle=st.sampled_from(["", None, "Redis is away"]),
    )
    def gateway(self, behind: bool, complete: bool, obstacle: str | None) -> None:
        table = self.world.gateways
        held = {"one": table.version - behind, "two": table.version}
        self.world.gateways = GatewaysSeen(table.hosts, table.version, held, complete, obstacle)

    @rule(ready=st.booleans())
    def program(self, ready: bool) -> None:
        self.service.routes_ready = ready

    # The controllers.

    @rule(name=st.sampled_from(["one", "two"]), late=st.integers(0, 5))
    def observe(self, name: str, late: int) -> None:
        """The status as it is; of the service perhaps what this controller heard some time ago."""
        controller = self.controllers[name]
        late = min(late, len(self.news) - 1, controller.heard)
        controller.seen, controller.written = self.news[-1 - late], self.world.written
        controller.heard, controller.decision = late, None

    @rule(name=st.sampled_from(["one", "two"]))
    def decide(self, name: str) -> None:
        controller = self.controllers[name]
        if controller.seen is None or controller.written != self.world.written:
            return
        before, decision = self.world.status, self.world.decide(controller.seen)
        assert self.world.decide(controller.seen) == decision
        self.world.write(decision)
        controller.written = self.world.written
        controller.decision = decision
        self._check_written(before, decision)

    @rule(name=st.sampled_from(["one", "two"]))
    def act(self, name: str) -> None:
        controller = self.controllers[name]
        if controller.decision is None or controller.seen is None:
            return
        decision, seen = controller.decision, controller.seen
        controller.decision = None
        raises = decision.field not in {"leave", 0} and seen.token == str(self.service.token)
        if raises and (decision.field != seen.weight):
            self._check_raise(decision)
        self.world.follow(decision, seen)

    @rule(name=st.sampled_from(["one", "two"]))
    def kill(self, name: str) -> None:
        self.controllers[name] = Controller()

    @rule(versions=st.permutations(["v1", "v2", "v3"]), settled=st.booleans())
    def overtake(self, versions: list[str], settled: bool) -> None:
        """Between the writing of a status and the raising of the weight another version comes."""
        self.deploy(versions[0], "a")
        for _ in range(8):
            self.hear()
            self.controllers["one"].heard = 0
            self.observe("one", 0)
            self.decide("one")
            decision = self.controllers["one"].decision
            weight = "absent" if self.service.weight is None else self.service.weight
            if decision is not None and decision.field not in {0, "leave", weight}:
                break
            self.act("one")
            self.settle()
            self.world.now += 5
        self.deploy(versions[1], "a")
        if settled:
            self.settle()
        self.hear()
        self.act("one")
        self.service.settle()

    @rule(passes=st.sampled_from([1, 4, 30]))
    def calm(self, passes: int) -> None:
        for _ in range(passes):
            for name in ("one", "two"):
                self.hear()
                self.controllers[name].heard = 0
                self.observe(name, 0)
                self.decide(name)
                self.act(name)
                self.traffic_is_as_asked()
            self.service.settle()
            self.traffic_is_as_asked()
            self.world.now += 3

    # What must hold.

    def _check_raise(self, decision: Decision) -> None:
        """Never a weight over 0, nor none at all, while the latest ready one is another version."""
        side = decision.status.canary or decision.status.stable
        latest = self.service.latest_ready
        assert side is not None
        if latest is not None:
            assert self.service.revisions[latest].identity == side.identity

    def _check_written(self, before: RolloutStatus, decision: Decision) -> None:
        after = decision.status
        canary, stable = after.canary, after.stable
        new = after.plan.get("recorded", 0) - before.plan.get("recorded", 0)
        for entry in after.history[len(after.history) - new :]:
            if entry.actor:
                self.said[entry.actor] += 1
        for command in self.world.commands:
            assert command.id in after.plan["carriedOut"]
            assert self.said[command.actor] == 1
        self._check_step(before, after)
        if canary is not None and isinstance(decision.field, int):
            self.asked[canary.identity] = max(self.asked.get(canary.identity, 0), decision.field)
            if decision.field > 0:
                self.closing.discard(canary.identity)
        if canary is not None and after.phase in {"RollingBack", "RolledBack"}:
            self.closing.add(canary.identity)
        granted = canary if canary is not None else stable
        if decision.field == "absent" and granted is not None:
            self.granted |= self._revisions_of(granted.identity)

    def _check_step(self, before: RolloutStatus, after: RolloutStatus) -> None:
        same = before.canary and after.canary and before.canary == after.canary
        if not same or (before.evidence and not after.evidence):
            self.furthest = 0
        if after.step and after.step != before.step:
            assert after.weight == STEPS[after.step - 1]
            if before.step:
                assert after.step == before.step + 1
            else:
                assert after.step in {1, self.furthest} or not same
        self.furthest = max(self.furthest, after.step)

    def _revisions_of(self, identity: str) -> set[str]:
        return {
            name
            for name, template in self.service.revisions.items()
            if template.identity == identity
        }

    @invariant()
    def hear(self) -> None:
        """Every change of the service, in its order."""
        if not hasattr(self, "service"):
            return
        seen = self.service.seen()
        if seen != self.news[-1]:
            self.news.append(seen)
            for controller in self.controllers.values():
                controller.heard += 1

    @invariant()
    def traffic_is_as_asked(self) -> None:
        if not hasattr(self, "service"):
            return
        stable = self.world.status.stable
        self._close()
        if stable is not None:  # its own new revisions are let through
            self.granted |= self._revisions_of(stable.identity)
        shares: Counter[str] = Counter()
        for name, share in self.service.traffic.items():
            if name not in self.granted:
                shares[self.service.revisions[name].identity] += share
        for identity, share in shares.items():
            assert share <= self.asked.get(identity, 0), f"{identity} has {share} %"

    def _close(self) -> None:
        """A rolled back version is at 0 for good once KServe has done it."""
        service = self.service
        quiet = service.weight == 0 and not any(
            target.percent for target in service.targets if target.revision is None
        )
        for identity in tuple(self.closing):
            share = sum(service.traffic.get(name, 0) for name in self._revisions_of(identity))
            if quiet and share == 0:
                self.closing.discard(identity)
                self.asked[identity] = 0
                stable = self.world.status.stable
                if stable is None or stable.identity != identity:
                    self.granted -= self._revisions_of(identity)

    def teardown(self) -> None:
        """After all that, a good version still gets there."""
        if not hasattr(self, "service"):
            return
        self.world.commands = []
        self.world.says = dict.fromkeys(
            (f"{version}/{image}" for version in ("v1", "v2", "v3") for image in "ab"), "within"
        )
        self.world.gateways = GatewaysSeen(self.world.gateways.hosts, self.world.gateways.version)
        for _ in range(70):
            for name in self.service.revisions:
                self.service.start(name)
            self.service.settle()
            self.world.once()
            self.world.now += 3
        status = self.world.status
        if status.phase in {"Idle", "Promoted"}:
            assert self.service.answers() == {self.service.template.version: 100}
        else:
            assert status.phase in {"RolledBack", "Paused"}, status.message


def _settings(**changes: Any) -> settings:
    return settings(
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        **changes,
    )


TestRollouts = Rollouts.TestCase
TestRollouts.settings = _settings(max_examples=40, stateful_step_count=50, derandomize=True)
