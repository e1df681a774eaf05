from tests.unit.rollout.metrics.readings import MEAN, Reader, counted, errors_of, pod
from trellis.rollout.looks import Moments
from trellis.rollout.metrics.port import Counters

A, B = pod("a", "v2"), pod("b", "v1")


def test_a_number_that_is_older_is_no_counter_that_began_anew() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 1000, sampled=0.0), B: counted(0, 1000, sampled=0.0)})
    reader.read(5, {A: counted(0, 1100, sampled=5.0), B: counted(0, 1100, sampled=5.0)})
    look = reader.read(10, {A: counted(0, 1050, sampled=2.0), B: counted(1, 1200, sampled=10.0)})
    assert errors_of(look) == (None, None)  # one side alone closes no look
    look = reader.read(15, {A: counted(0, 1300, sampled=15.0), B: counted(1, 1300, sampled=15.0)})
    assert errors_of(look) == ((0, 200), (1, 200))


def test_one_that_is_newer_and_less_began_anew() -> None:
    reader = Reader()
    reader.read(0, {A: counted(0, 1000, sampled=0.0), B: counted(0, 1000, sampled=0.0)})
    look = reader.read(15, {A: counted(3, 30, sampled=15.0), B: counted(0, 1100, sampled=15.0)})
    assert errors_of(look) == ((3, 30), (0, 100))


def test_after_a_clock_was_set_back_counting_goes_on() -> None:
    reader = Reader()
    reader.read(9000, {A: counted(0, 10, sampled=9000.0), B: counted(0, 10, sampled=9000.0)})
    look = reader.read(5000, {A: counted(2, 60, sampled=5000.0), B: counted(0, 60, sampled=5000.0)})
    assert errors_of(look) == ((2, 50), (0, 50))


def test_values_of_an_older_page_wait_for_a_newer_one() -> None:
    reader = Reader(MEAN, warm_up=0)

    def told(number: float, own_sampled: float) -> Counters:
        values = {"meanLatency": Moments(number, number, number)}
        return counted(0, 9, moments=values, witness=number, own_sampled=own_sampled)

    reader.read(0, {A: told(100, 0.0), B: told(100, 0.0)})
    reader.read(5, {A: told(200, 5.0), B: told(200, 5.0)})
    reader.read(10, {A: told(150, 2.0), B: told(200, 5.0)})
    look = reader.read(15, {A: told(250, 15.0), B: told(250, 15.0)})
    assert look.canary.moments["meanLatency"].number == 50
