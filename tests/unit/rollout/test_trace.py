from trellis.contracts.rollout_status import GuardrailVerdict, Tally
from trellis.rollout.trace import MOST, traced


def test_a_moment_has_a_point_for_each_guardrail() -> None:
    verdicts = [
        GuardrailVerdict(name="errors", state="within", canary=Tally(events=1, total=90)),
        GuardrailVerdict(name="restarts", state="undecided"),
    ]
    points = traced((), verdicts, 5, 12.0)
    assert [(p.name, p.time, p.weight, p.requests) for p in points] == [
        ("errors", 12.0, 5, 90),
        ("restarts", 12.0, 5, 0),
    ]


def test_it_stays_bounded_and_keeps_its_ends() -> None:
    verdict = GuardrailVerdict(name="errors", state="undecided")
    trace = traced((), [verdict], 5, 0.0)
    for moment in range(1, 5 * MOST):
        trace = traced(trace, [verdict], 5, float(moment))
        assert len(trace) <= MOST
    times = [point.time for point in trace]
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == (0, 5 * MOST - 1)
