import pytest

from trellis.rollout.plan import GatewaysSeen


@pytest.mark.parametrize(
    ("seen", "turned"),
    [
        (GatewaysSeen(), True),
        (GatewaysSeen("untagged", 3, {"one": 3, "two": 4}), True),
        (GatewaysSeen("untagged", 3, {"one": 3, "two": 2}), False),
        (GatewaysSeen("untagged", 3, {}, complete=False), False),
        (GatewaysSeen("tagged", 3, {"one": 3}), False),
    ],
    ids=["none", "all hold it", "one is behind", "not all are known", "tag hosts are offered"],
)
def test_gateways_have_turned_away_when_all_hold_the_untagged_table(
    seen: GatewaysSeen, turned: bool
) -> None:
    assert seen.turned_away is turned
