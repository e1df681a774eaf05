from tests.unit.rollout.metrics.readings import pod
from trellis.rollout.looks import Count, Moments
from trellis.rollout.metrics.increases import falls, increase, remember
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
    rounded = Counters(110, moments={"meanLatency": Moments(110, 20, 12 - 1e-9)})
    assert increase(memory(), rounded).moments == {"meanLatency": Moments(10, 10, 10)}
    while_written = Counters(110, moments={"meanLatency": Moments(110, 20, 2.5)})
    assert increase(memory(), while_written).moments == {"meanLatency": Moments(0, 0, 0)}
    both_anew = Counters(8, moments={"meanLatency": Moments(8, 4, 1)})
    assert increase(memory(), both_anew).moments == {"meanLatency": Moments(0, 0, 0)}
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


def test_means_go_on_after_a_page_that_was_missed_and_never_from_the_whole_life() -> None:
    missed = Counters(105, {"errors": Count(5, 105)})  # no witness: its own page was not read
    after = remember(memory(), pod("a", "v2", restarts=1), "canary", 5.0, missed)
    now = Counters(110, moments={"meanLatency": Moments(110, 11, 2.5)}, witness=100)
    assert increase(after, now).moments == {"meanLatency": Moments(10, 1, 0.5)}
    restarted = remember(memory(), pod("a", "v2", restarts=2), "canary", 5.0, missed)
    assert increase(restarted, now).moments == {}


def test_a_queue_proxy_that_began_anew_alone_keeps_the_predictors_means() -> None:
    now = Counters(3, moments={"meanLatency": Moments(103, 10.5, 2.25)}, witness=93)
    assert increase(memory(), now).moments == {"meanLatency": Moments(3, 0.5, 0.25)}
    assert increase(memory(moments={}), now).moments == {}
    both = Counters(3, moments={"meanLatency": Moments(3, 0.5, 0.25)}, witness=3)
    assert increase(memory(), both).moments == {"meanLatency": Moments(3, 0.5, 0.25)}
