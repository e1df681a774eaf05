"""An experiment's status from counts and the table's arms."""

from trellis.contracts.routing_table import Arm
from trellis.gateway.events.counts import experiment_status

ARMS = (
    Arm(url="http://a:1", model="leaf", version="v1", revision="leaf-1", intervals=((0, 0.75),)),
    Arm(url="http://a:2", model="leaf", version="v2", revision="leaf-2", intervals=((0.75, 1),)),
)


def test_arms_have_their_numbers_and_rates() -> None:
    status = experiment_status(
        "colours",
        ["leaf"],
        ARMS,
        {
            "exposures:leaf-1": "200",
            "units:leaf-1": "150",
            "errors:leaf-1": "3",
            "conversions:leaf-1": "20",
            "scores:leaf-1": "4",
            "score-sum:leaf-1": "3.5",
            "labels:leaf-1": "7",
        },
    )
    one, two = status.arms
    assert (one.version, one.weight, one.exposures, one.units, one.errors) == (
        "v1", 0.75, 200, 150, 3,
    )  # fmt: skip
    assert (one.labels, one.scores, one.mean_score) == (7, 4, 0.875)
    assert one.conversion_rate == 0.1
    assert one.conversion_wilson95 is not None
    low, high = one.conversion_wilson95
    assert low < 0.1 < high
    assert (two.weight, two.exposures, two.conversion_rate) == (0.25, 0, None)
    assert two.conversion_wilson95 is None
    assert not status.incomplete


def test_an_arm_that_left_the_table_is_still_told() -> None:
    counts = {"exposures:leaf-0": "5", "version:leaf-0": "v0", "dropped": "2", "unjoined": "1"}
    status = experiment_status("colours", ["leaf"], ARMS, counts)
    gone = status.arms[-1]
    assert (gone.arm, gone.version, gone.weight, gone.exposures) == ("leaf-0", "v0", 0, 5)
    assert (status.incomplete, status.dropped, status.unjoined) == (True, 2, 1)


def test_no_rate_is_over_one() -> None:
    """Outcomes of a request id that was used twice may outnumber a loss's exposures."""
    counts = {"exposures:leaf-1": "1", "conversions:leaf-1": "3"}
    arm = experiment_status("colours", ["leaf"], ARMS, counts).arms[0]
    assert (arm.conversions, arm.conversion_rate) == (3, 1.0)
