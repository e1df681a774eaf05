from collections.abc import Iterable

import pytest

from trellis.contracts.rollout import Guardrail, Margin, RolloutSpec, Step
from trellis.rollout.looks import Count, Look, SideLook
from trellis.rollout.simulate.behaviour import Behaviour, ColdStart, LogNormal, Population, Traffic
from trellis.rollout.simulate.records import RecordedLook
from trellis.rollout.simulate.rehearsal import Invented, Moment, Recorded, rehearse

ERRORS = Guardrail(metric="errors", margin=Margin(ratio=3), negligible="1%")
SLOW = Guardrail(metric="latency", over="250ms", limit="5%")
HOUR = 3600.0


def spec(*guardrails: Guardrail, **more: object) -> RolloutSpec:
    return RolloutSpec.model_validate(
        {"inferenceService": "tomato", "guardrails": guardrails or (ERRORS,), **more}
    )


def rehearsed(
    of: RolloutSpec, traffic: Traffic, seed: int = 1, longest: float = HOUR
) -> list[Moment]:
    return list(rehearse(of, Invented(of, traffic, seed), longest))


def weights(moments: Iterable[Moment]) -> list[float]:
    """Without repetitions."""
    found = [moment.recorded.weight for moment in moments]
    return [now for now, before in zip(found, [None, *found], strict=False) if now != before]


def test_a_fine_version_climbs_all_steps_and_is_promoted() -> None:
    moments = rehearsed(spec(), Traffic(requests_per_second=200))
    assert weights(moments) == [5, 20, 50]
    assert moments[-1].status.phase == "Promoted"
    assert moments[-1].over
    assert not any(moment.over for moment in moments[:-1])


def test_a_version_that_errs_is_rolled_back_at_the_first_step() -> None:
    moments = rehearsed(spec(), Traffic(canary=Behaviour(error_rate=0.3)))
    assert weights(moments) == [5]
    assert moments[-1].status.phase == "RolledBack"
    assert "errors: canary" in moments[-1].status.message


def test_a_version_that_is_slow_is_rolled_back_and_one_that_is_cold_at_first_is_not() -> None:
    slow = Behaviour(latency=LogNormal(0.2, 0.5))
    assert rehearsed(spec(SLOW), Traffic(canary=slow))[-1].status.phase == "RolledBack"
    cold = Traffic(cold_start=ColdStart(seconds=30, factor=20))
    assert rehearsed(spec(SLOW, warmUp="30s"), cold)[-1].status.phase == "Promoted"
    hasty = rehearsed(spec(SLOW, warmUp="0s"), cold)
    assert hasty[-1].status.phase == "RolledBack"
    assert hasty[-1].at <= 30


def test_users_who_return_are_invented_too() -> None:
    users = Population(users=2000, prone=0.02, canary_prone=0.5)
    moments = rehearsed(spec(), Traffic(population=users))
    assert moments[0].recorded.stream == "units"
    assert moments[-1].status.phase == "RolledBack"


def test_without_harm_a_version_advances_after_the_planned_requests() -> None:
    steps = (Step(weight=20), Step(weight=50))
    of = spec(Guardrail(metric="errors"), advance="noHarm", steps=steps)
    fine = Behaviour(error_rate=0.05)
    moments = rehearsed(of, Traffic(fine, fine))
    assert weights(moments) == [20, 50]
    assert moments[-1].status.phase == "Promoted"


def test_the_same_seed_leads_to_the_same_end() -> None:
    first, again = (rehearsed(spec(), Traffic(), longest=300) for _ in range(2))
    assert [moment.status for moment in first] == [moment.status for moment in again]


def test_it_ends_with_its_looks_and_at_the_longest_time() -> None:
    assert rehearsed(spec(), Traffic(), longest=60)[-1].at == 60
    assert list(rehearse(spec(), Recorded([]), HOUR)) == []


def test_a_recorded_history_is_judged_whatever_weights_it_had() -> None:
    def recorded(at: float, events: int) -> RecordedLook:
        sides = SideLook({"errors": Count(events, 100)}), SideLook({"errors": Count(1, 100)})
        return RecordedLook.of(at, 50, Look("requests", *sides))

    history = [recorded(5, 1), recorded(10, 30), recorded(15, 60), recorded(20, 1)]
    moments = list(rehearse(spec(), Recorded(history), HOUR))
    assert moments[-1].status.phase == "RolledBack"
    assert len(moments) < len(history)
    assert [moment.recorded for moment in moments] == history[: len(moments)]


def test_an_invented_history_that_was_written_down_ends_as_it_did() -> None:
    invented = rehearsed(spec(), Traffic(canary=Behaviour(error_rate=0.3)))
    written = [moment.recorded.line() for moment in invented]
    again = list(rehearse(spec(), Recorded(map(RecordedLook.model_validate_json, written)), HOUR))
    assert [moment.status for moment in again] == [moment.status for moment in invented]


def test_what_cannot_be_invented_is_refused_before_anything_begins() -> None:
    of = spec(Guardrail(metric="restarts"))
    with pytest.raises(ValueError, match="restarts is not known by user"):
        Invented(of, Traffic(population=Population()), seed=1)


@pytest.mark.parametrize(("per_second", "seconds"), [(20, 5), (0.5, 40)], ids=["busy", "quiet"])
def test_a_look_has_the_requests_that_it_needs(per_second: float, seconds: float) -> None:
    moments = rehearsed(spec(), Traffic(requests_per_second=per_second), longest=120)
    assert [moment.at for moment in moments[:2]] == [seconds, 2 * seconds]
