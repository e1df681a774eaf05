from tests.unit.rollout.metrics.readings import pod
from trellis.rollout.looks import Count, Moments
from trellis.rollout.metrics.increases import falls, increase
from trellis.rollout.metrics.port import Counters
from trellis.rollout.metrics.snapshot import PodMemory


def memory(**changed: object) -> PodMemory:
    fields: dict[str, object] = {
        "side": "canary",
        "warm_from": 0.0,
        "seen": 0.0,
        "ready": True,
        "restarts": 1,
        "requests": 100.0,
        "witness": 90.0,
        "counts": {"errors": Count(5, 100)},
        "moments": {"meanLatency": Moments(100, 10, 2)},
        **changed,
    }
    return PodMemory(**fields)  # type: ignore[arg-type]  # as the fields have it


def test_events_read_a_moment_before_their_total_are_no_reset() -> None:
    grown = increase(memory(), Counters(110, {"errors": Count(4, 110)}))
    assert grown.counts == {"errors": Count(0, 10)}
    grown = increase(memory(), Counters(110, {"errors": Count(25, 110)}))
    assert grown.counts == {"errors": Count(10, 10)}


def test_moments_are_always_those_of_values() -> None:
    now = Counters(110, moments={"meanLatency": Moments(110, 20, 2.5)})
    assert increase(memory(), now).moments == {"meanLatency": Moments(10, 10, 10)}
    began_anew = Counters(110, moments={"meanLatency": Moments(3, 1, 1)})
    assert increase(memory(), began_anew).moments == {"meanLatency": Moments(0, 0, 0)}


def test_a_predictor_that_restarts_alone_begins_its_own_count_anew() -> None:
    assert increase(memory(), Counters(110, witness=7)).witness == 7
    assert increase(memory(), Counters(3, witness=95)).witness == 5  # the queue-proxy alone did
    assert increase(memory(), Counters(110)).witness == 0


def test_a_restart_that_makes_it_unready_falls_once() -> None:
    assert falls(memory(), pod("a", "v2", restarts=2, ready=False)) == 1
    assert falls(memory(), pod("a", "v2", restarts=1, ready=False)) == 1
    assert falls(memory(), pod("a", "v2", restarts=4)) == 3
    assert falls(memory(), pod("a", "v2", restarts=1, ready=False, terminating=True)) == 0
    assert falls(memory(ready=False), pod("a", "v2", restarts=1, ready=False)) == 0
