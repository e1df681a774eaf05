import pytest

from trellis.contracts.rollout_status import Tally
from trellis.rollout.evidence.tallies import Tallies
from trellis.rollout.looks import Count


def test_streams_are_kept_apart_and_the_larger_is_shown() -> None:
    tallies = Tallies().add("requests", Count(1, 10), Count(0, 90))
    assert tallies.tally("canary") == Tally(events=1, total=10)
    tallies = tallies.add("units", Count(2, 30), Count(1, 40)).add(
        "units", Count(1, 5), Count(0, 9)
    )
    assert tallies.chief == "units"
    assert tallies.tally("canary") == Tally(events=3, total=35)
    assert tallies.tally("stable") == Tally(events=1, total=49)


def test_state_goes_round() -> None:
    tallies = (
        Tallies().add("requests", Count(1, 10), Count(0, 90)).add("units", Count(2, 3), Count(4, 5))
    )
    assert Tallies.from_state(tallies.to_state()) == tallies
    with pytest.raises(ValueError, match="8 numbers"):
        Tallies.from_state([1.0])
