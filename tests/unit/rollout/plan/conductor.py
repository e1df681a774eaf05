"""A controller around ``decide`` and the pure KServe: passes, crashes, clocks and evidence."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.unit.rollout.plan.kserve_model import KServeModel, Template
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Command, GuardrailVerdict, RolloutStatus, Tally
from trellis.rollout.plan import Decision, GatewaysSeen, decide, looking
from trellis.rollout.seen import ServiceSeen

State = Literal["harm", "within", "undecided", "blind"]

STEPS = (5, 20, 50)


def spec_of(**changes: Any) -> RolloutSpec:
    """Three steps of ten seconds, an hour's deadline."""
    document = {
        "inferenceService": "tomato",
        "steps": [{"weight": weight, "minimumTime": "10s"} for weight in STEPS],
        "guardrails": [{"metric": "errors"}],
        "split": "unit",
        "deadline": "1h",
    }
    return RolloutSpec.model_validate(document | changes)


def verdicts(
    state: State, *, requests: float = 1000, log_e_within: float = 0
) -> tuple[GuardrailVerdict, ...]:
    """What the evidence says of the one guardrail."""
    return (
        GuardrailVerdict(
            name="errors",
            state=state,
            canary=Tally(events=3, total=requests),
            log_e_within=log_e_within,
            message=f"errors: {state}",
        ),
    )


@dataclass
class Conductor:
    """Keeps what an API server would keep, and does what a controller does with a decision."""

    service: KServeModel
    spec: RolloutSpec = field(default_factory=spec_of)
    status: RolloutStatus = field(default_factory=RolloutStatus)
    now: float = 1_000_000.0
    says: dict[str, State] = field(default_factory=dict)  #: by identity
    commands: list[Command] = field(default_factory=list)
    gateways: GatewaysSeen = field(default_factory=GatewaysSeen)
    written: int = 0
    decisions: list[Decision] = field(default_factory=list)
    required_requests: int | None = None
    trouble: str = ""
    rival: str | None = None
    notified: int = 0

    def decide(self, seen: ServiceSeen | None = None) -> Decision:
        """A pass up to its decision; nothing is written."""
        seen = seen or self.service.seen()
        status, evidence = self._look(seen)
        decision = decide(
            self.spec,
            status,
            seen,
            evidence,
            self.commands,
            self.now,
            self.gateways,
            required_requests=self.required_requests,
            trouble=self.trouble,
            rival=self.rival,
            notified=self.notified,
        )
        assert len(json.dumps(decision.status.model_dump(mode="json"))) < 64 * 1024
        return decision

    def _look(self, seen: ServiceSeen) -> tuple[RolloutStatus, tuple[GuardrailVerdict, ...] | None]:
        look = looking(self.status, seen)
        status = self.status
        identity = status.canary.identity if status.canary else ""
        if look != "none":
            began = status.evidence.get("of", identity)
            assert began == identity, "evidence of another version was kept"
            status = status.model_copy(update={"evidence": {"of": identity}})
        if not status.evidence:
            return status, None
        return status, verdicts(self.says.get(identity, "undecided"))

    def write(self, decision: Decision) -> None:
        """The status, by compare-and-swap where a caller kept ``written``."""
        self.status = RolloutStatus.model_validate_json(
            decision.status.model_dump_json(by_alias=True)
        )
        self.written += 1
        self.decisions.append(decision)
        self.service.running = self.status.canary is not None

    def follow(self, decision: Decision, seen: ServiceSeen) -> None:
        """Make the cluster and the gateways follow."""
        if decision.table != self.gateways.hosts:
            version = self.gateways.version + 1
            held = dict.fromkeys(self.gateways.held, version)
            self.gateways = GatewaysSeen(decision.table, version, held)
        if decision.field == "leave":
            return
        weight = None if decision.field == "absent" else decision.field
        if weight != seen.weight:
            self.service.set_weight(weight, seen.token)

    def once(self) -> Decision:
        """One whole pass."""
        seen = self.service.seen()
        decision = self.decide(seen)
        self.write(decision)
        self.follow(decision, seen)
        return decision

    def run(self, passes: int = 1, seconds: float = 1) -> RolloutStatus:
        """Passes, with a settled cluster and some time between."""
        for _ in range(passes):
            self.once()
            self.service.settle()
            self.now += seconds
        return self.status

    def until(self, phase: str, passes: int = 200) -> RolloutStatus:
        """Passes until a phase."""
        for _ in range(passes):
            if self.run().phase == phase:
                return self.status
        raise AssertionError(f"{phase} never came: {self.status.phase}, {self.status.message}")

    def until_weight(self, weight: int, passes: int = 200) -> RolloutStatus:
        """Passes until the traffic has a weight and the stage has begun."""
        for _ in range(passes):
            status = self.run()
            if status.weight == weight and status.plan.get("settledAt") is not None:
                return status
        raise AssertionError(f"{weight} never came: {self.status.phase}, {self.status.message}")

    def ask(self, do: str, number: int = 1, *, version: str = "", actor: str = "ada") -> None:
        """A command of a person."""
        document = {"id": f"{do}-{number}", "do": do, "version": version, "actor": actor}
        self.commands.append(Command.model_validate(document))

    @property
    def phase(self) -> str:
        """Where the rollout is."""
        return self.status.phase

    @property
    def story(self) -> Sequence[str]:
        """What the history tells."""
        return [entry.what for entry in self.status.history]


def deployed(version: str = "v1", **changes: Any) -> Conductor:
    """A service with one version that has all traffic, and a rollout that has seen it."""
    service = KServeModel(Template(version))
    conductor = Conductor(service, spec_of(**changes))
    service.settle()
    service.start("r-00001")
    service.settle()
    conductor.run(2)
    return conductor


def trying(version: str = "v2", **changes: Any) -> Conductor:
    """A new version, ready, that waits for its first weight."""
    conductor = deployed(**changes)
    bring(conductor, version)
    return conductor


def bring(conductor: Conductor, version: str) -> None:
    """A new version comes and becomes ready."""
    conductor.service.apply(Template(version))
    conductor.service.settle()
    conductor.run()
    created = conductor.service.created
    assert created is not None
    conductor.service.start(created)
    conductor.service.settle()
