"""How many requests may be inside."""

import pytest

from trellis.serving.admission import Admission
from trellis.serving.errors import Overloaded


def test_as_many_as_the_limit_and_one_more_after_one_left() -> None:
    admission = Admission(2)
    admission.enter()
    admission.enter()
    with pytest.raises(Overloaded, match="2 requests are in flight, at most 2 may be") as caught:
        admission.enter()
    assert (caught.value.status, caught.value.retry_after) == (429, 1)
    assert admission.inside == 2
    admission.leave()
    admission.enter()
    assert admission.inside == 2


def test_a_process_is_not_ready_until_it_is_told_so() -> None:
    assert Admission(1).ready is False
