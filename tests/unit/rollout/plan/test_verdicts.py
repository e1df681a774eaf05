from typing import Any

import pytest

from tests.unit.rollout.plan.conductor import spec_of, trying, verdicts
from trellis.contracts.rollout_status import GuardrailVerdict, RolloutStatus, Tally, Verdict
from trellis.rollout.plan.draft import Draft, Facts
from trellis.rollout.plan.gateways import GatewaysSeen
from trellis.rollout.plan.memory import Memory
from trellis.rollout.plan.verdicts import judge, next_step


def _judged(
    *evidence: GuardrailVerdict,
    spec: dict[str, Any] | None = None,
    memory: dict[str, Any] | None = None,
    weight: int = 20,
    required: int | None = None,
) -> Verdict:
    """A verdict at the second of three steps, a minute after it began."""
    conductor = trying()
    stage = {"course": "stepping", "settled_at": 940.0, "asked_at": 930.0}
    draft = Draft.of(
        RolloutStatus(step=2, weight=weight), Memory.model_validate(stage | (memory or {})), 1000.0
    )
    facts = Facts(
        spec_of(**(spec or {})),
        conductor.service.seen(),
        evidence or None,
        (),
        1000.0,
        GatewaysSeen(),
        required,
    )
    return judge(draft, facts)


def _one(state: str, name: str = "errors", **changes: Any) -> GuardrailVerdict:
    document = {"name": name, "state": state, "message": f"{name}: {state}"} | changes
    return GuardrailVerdict.model_validate(document)


@pytest.mark.parametrize(
    ("states", "kind"),
    [
        (("within", "within"), "advance"),
        (("within", "undecided"), "insufficient-evidence"),
        (("within", "blind"), "hold"),
        (("blind", "harm"), "rollback"),
        (("harm", "within"), "rollback"),
    ],
)
def test_the_worst_guardrail_decides(states: tuple[str, ...], kind: str) -> None:
    evidence = [_one(state, f"g{number}") for number, state in enumerate(states)]
    assert _judged(*evidence).kind == kind


def test_no_evidence_is_no_health() -> None:
    assert _judged().kind == "insufficient-evidence"


def test_from_the_last_step_it_is_promotion() -> None:
    assert _judged(_one("within"), weight=50).kind == "promote"


def test_the_estimate_is_linear_in_the_logarithm() -> None:
    """0.5 a second from 1.0 on; 3.0 (alpha 0.05) is 2.996 - 2.0 away after two seconds: 60 s for 1."""
    evidence = _one("undecided", log_e_within=2.0)
    memory = {"baseline": {"errors": {"log_e_within": 1.0, "requests": 0}}, "baseline_at": 940.0}
    verdict = _judged(evidence, memory=memory)
    assert verdict.estimated_seconds == pytest.approx(60 * 0.9957, rel=1e-3)
    assert "enough in about 1m" in verdict.message


@pytest.mark.parametrize("grown", [0.0, -1.0])
def test_what_does_not_grow_has_no_estimate(grown: float) -> None:
    evidence = _one("undecided", log_e_within=1.0 + grown)
    memory = {"baseline": {"errors": {"log_e_within": 1.0, "requests": 0}}, "baseline_at": 940.0}
    verdict = _judged(evidence, memory=memory)
    assert verdict.estimated_seconds is None
    assert "enough in" not in verdict.message


def test_the_estimate_is_at_least_the_minimum_time() -> None:
    evidence = _one("within")
    verdict = _judged(evidence, memory={"settled_at": 995.0})
    assert (verdict.kind, verdict.estimated_seconds) == ("hold", 5.0)


@pytest.mark.parametrize(("requests", "kind"), [(999, "insufficient-evidence"), (1000, "advance")])
def test_no_harm_asks_for_requests(requests: int, kind: str) -> None:
    evidence = _one("undecided", canary=Tally(total=requests))
    assert _judged(evidence, spec={"advance": "noHarm"}, required=1000).kind == kind


def test_no_harm_is_no_harm() -> None:
    evidence = _one("harm", canary=Tally(total=5000))
    assert _judged(evidence, spec={"advance": "noHarm"}, required=1000).kind == "rollback"


def test_no_harm_without_the_number_waits() -> None:
    verdict = _judged(_one("undecided"), spec={"advance": "noHarm"})
    assert verdict.kind == "insufficient-evidence"
    assert verdict.estimated_seconds is None
    assert "stable has no requests yet" in verdict.message


@pytest.mark.parametrize(
    ("stable", "canary", "kind"),
    [
        (999, 5000, "insufficient-evidence"),
        (5000, 999, "insufficient-evidence"),
        (1000, 1000, "advance"),
    ],
)
def test_no_harm_with_nothing_to_plan_by_asks_for_a_thousand(
    stable: float, canary: float, kind: str
) -> None:
    evidence = _one("undecided", canary=Tally(total=canary), stable=Tally(total=stable))
    verdict = _judged(evidence, spec={"advance": "noHarm"})
    assert verdict.kind == kind
    assert "name a negligible share for errors" in verdict.message


def test_no_harm_counts_requests_and_not_the_seconds_of_pods() -> None:
    guardrails = [{"metric": "errors"}, {"metric": "restarts"}]
    evidence = (
        _one("undecided", canary=Tally(total=500)),
        _one("undecided", "restarts", canary=Tally(total=90_000)),
    )
    memory = {
        "baseline": {"errors": {"log_e_within": 0, "requests": 100}},
        "baseline_at": 960.0,
    }
    verdict = _judged(
        *evidence,
        spec={"advance": "noHarm", "guardrails": guardrails},
        memory=memory,
        required=1000,
    )
    assert verdict.kind == "insufficient-evidence"
    assert verdict.estimated_seconds == pytest.approx(50)  # 500 more at 400 in 40 s


def test_blindness_holds_no_harm_too() -> None:
    evidence = _one("blind", canary=Tally(total=5000))
    assert _judged(evidence, spec={"advance": "noHarm"}, required=1000).kind == "hold"


@pytest.mark.parametrize(("weight", "number"), [(0, 1), (5, 2), (19, 2), (20, 3), (50, None)])
def test_the_next_step_is_the_first_above_the_weight(weight: int, number: int | None) -> None:
    assert next_step(spec_of(), weight) == number


def test_growth_is_measured_from_the_stage_it_happened_in() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.run(3)
    first = conductor.status.plan["baselineAt"]
    conductor.ask("skip")
    conductor.until_weight(20)
    conductor.run(3)
    assert conductor.status.plan["baselineAt"] > first


def test_messages_of_many_guardrails_stay_short() -> None:
    evidence = [_one("harm", f"g{number}", message="x" * 500) for number in range(10)]
    assert len(_judged(*evidence).message) <= 600
    assert len(verdicts("harm")[0].message) > 0
