"""How much may be inside."""

import pytest

from trellis.serving.admission import Admission
from trellis.serving.errors import Overloaded


def test_as_many_as_the_limit_and_one_more_after_one_left() -> None:
    admission = Admission(2, 1000)
    admission.enter(1)
    admission.enter(1)
    with pytest.raises(Overloaded, match="2 requests are in flight, at most 2 may be") as caught:
        admission.enter(1)
    assert (caught.value.status, caught.value.retry_after) == (429, 1)
    assert admission.inside == 2
    admission.leave(1)
    admission.enter(1)
    assert admission.inside == 2


def test_bytes_are_bounded_together_but_one_request_alone_always_enters() -> None:
    admission = Admission(10, 100)
    admission.enter(150)
    with pytest.raises(Overloaded, match="with this one's 1 more than the 100"):
        admission.enter(1)
    admission.leave(150)
    admission.enter(60)
    admission.enter(40)


def test_bodies_that_arrive_take_no_place_of_those_that_are_here() -> None:
    admission = Admission(1, 1000)
    with admission.arriving():
        admission.enter(1)
        with pytest.raises(Overloaded, match="1 bodies are arriving"), admission.arriving():
            pass
    with admission.arriving():
        pass


def test_a_process_is_not_ready_until_it_is_told_so() -> None:
    assert Admission(1, 1).ready is False
