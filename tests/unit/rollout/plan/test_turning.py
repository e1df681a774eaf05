from dataclasses import replace

import pytest

from tests.unit.rollout.plan.conductor import Conductor, deployed, trying
from tests.unit.rollout.plan.kserve_model import Template
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.plan import GatewaysSeen


def _at_last_step() -> Conductor:
    conductor = trying()
    conductor.says["v2/a"] = "within"
    conductor.gateways = GatewaysSeen(held={"one": 0, "two": 0})
    conductor.until_weight(50)
    assert conductor.gateways.hosts == "tagged"
    return conductor


def test_a_promotion_waits_until_every_gateway_has_turned_away() -> None:
    conductor = _at_last_step()
    conductor.until("Promoting")
    assert conductor.gateways.hosts == "untagged"
    behind = {"one": conductor.gateways.version, "two": conductor.gateways.version - 1}
    conductor.gateways = GatewaysSeen("untagged", conductor.gateways.version, behind)
    conductor.run(3)
    assert conductor.service.weight == 50
    held = dict.fromkeys(behind, conductor.gateways.version)
    conductor.gateways = GatewaysSeen("untagged", conductor.gateways.version, held)
    conductor.run()
    assert conductor.service.weight is None
    conductor.until("Promoted")


@pytest.mark.parametrize("complete", [True, False], ids=["one is behind", "not all are known"])
def test_a_gateway_that_is_gone_is_not_waited_for_longer_than_ten_seconds(complete: bool) -> None:
    conductor = _at_last_step()
    conductor.until("Promoting")
    began = conductor.now - 1
    while conductor.service.weight is not None:
        held = {"one": 0 if complete else conductor.gateways.version}
        conductor.gateways = GatewaysSeen(
            "untagged", conductor.gateways.version, held, complete=complete
        )
        conductor.run()
    assert 10 <= conductor.now - began <= 12


def test_a_promotion_waits_for_gateways_that_ask_another_controller() -> None:
    conductor = _at_last_step()
    conductor.gateways = replace(conductor.gateways, held={})
    conductor.until("Promoting")
    weights = []
    for _ in range(4):
        conductor.once()
        weights.append(conductor.service.weight)
        conductor.now += 1
    assert weights == [50, 50, None, None]


def test_gateways_that_hold_the_table_of_before_are_not_taken_for_turned_away() -> None:
    conductor = _at_last_step()
    while conductor.phase != "Promoting":
        decision = conductor.decide()
        conductor.write(decision)  # and killed before the gateways' table was made
        conductor.now += 1
    assert conductor.gateways.hosts == "tagged"
    assert conductor.decide().field == 50


def test_a_weight_that_was_released_stays_so_when_a_gateway_comes() -> None:
    conductor = _at_last_step()
    conductor.until("Promoting")
    conductor.run(3)
    assert conductor.decide().field == "absent"
    conductor.once()
    conductor.gateways = GatewaysSeen(
        "untagged", conductor.gateways.version, {"three": 0}, complete=False
    )
    assert conductor.decide().field == "absent"


def test_gateways_use_tag_hosts_only_where_units_are_to_be_split() -> None:
    conductor = trying(split="request")
    conductor.until_weight(5)
    conductor.run(3)
    assert conductor.gateways.hosts == "untagged"
    assert "each request is split" not in conductor.status.message


def test_where_units_cannot_be_split_the_message_says_why() -> None:
    conductor = trying()
    conductor.service.tag_routing = False
    conductor.until_weight(5)
    assert (
        "tomato has no annotation serving.kserve.io/enable-tag-routing"
        in conductor.once().status.message
    )
    conductor.service.tag_routing, conductor.service.routes_ready = True, False
    conductor.service.settle()
    conductor.status.plan["tagsUp"] = False
    assert "the ingress does not have the hosts" in conductor.once().status.message
    conductor.service.routes_ready = True
    assert "each request is split" not in conductor.once().status.message


def test_gateways_use_tag_hosts_once_the_ingress_has_them() -> None:
    conductor = trying()
    conductor.service.routes_ready = False
    conductor.until_weight(5)
    hosts = []
    for ready in (False, True, False):  # as at each change of the weight
        conductor.service.routes_ready = ready
        conductor.run(3)
        hosts.append(conductor.gateways.hosts)
    assert hosts == ["untagged", "tagged", "tagged"]


def test_gateways_turn_away_at_an_obstacle_and_come_back_a_minute_after_it_has_gone() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.gateways = replace(conductor.gateways, obstacle="Redis is away")
    decision = conductor.once()
    assert (decision.table, decision.field, decision.look) == ("untagged", 5, "go on")
    assert "each request is split, for Redis is away" in decision.status.message
    conductor.gateways = replace(conductor.gateways, obstacle="")
    tables = [conductor.decide().table]
    for seconds in (50, 11):
        conductor.now += seconds
        tables.append(conductor.decide().table)
    assert tables == ["untagged", "untagged", "tagged"]
    conductor.now -= 11
    assert "within the last minute" in conductor.once().status.message


def test_a_controller_that_does_not_know_of_obstacles_yet_leaves_gateways_where_they_are() -> None:
    conductor = trying()
    conductor.gateways = replace(conductor.gateways, obstacle=None)
    conductor.until_weight(5)
    assert conductor.once().table == "untagged"
    conductor.gateways = replace(conductor.gateways, obstacle="")
    assert conductor.once().table == "tagged"
    conductor.gateways = replace(conductor.gateways, obstacle=None)
    assert conductor.once().table == "tagged"


def test_no_time_passes_while_the_table_still_has_the_hosts_of_tags() -> None:
    conductor = _at_last_step()
    while conductor.phase != "Promoting":
        conductor.write(conductor.decide())
        conductor.now += 1
    conductor.now += 1000
    assert conductor.gateways.hosts == "tagged"
    assert conductor.decide().field == 50


def test_harm_takes_the_weight_at_once_and_the_gateways_with_it() -> None:
    conductor = trying()
    conductor.gateways = GatewaysSeen(held={"one": 0})
    conductor.until_weight(5)
    conductor.run()
    conductor.says["v2/a"] = "harm"
    decision = conductor.once()
    assert (decision.status.phase, decision.field, decision.table) == ("RollingBack", 0, "untagged")
    conductor.until("RolledBack")
    assert conductor.service.answers() == {"v1": 100}
    assert "errors: harm" in conductor.status.message


def test_harm_in_a_promotion_that_has_not_moved_yet_rolls_back() -> None:
    conductor = _at_last_step()
    conductor.until("Promoting")
    conductor.says["v2/a"] = "harm"
    assert conductor.once().field == 0
    conductor.service.settle()
    conductor.until("RolledBack")


def test_a_rollback_is_done_when_the_traffic_shows_it() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.says["v2/a"] = "harm"
    conductor.once()
    conductor.now += 100
    assert conductor.once().status.phase == "RollingBack"
    conductor.service.settle()
    assert conductor.once().status.phase == "RolledBack"


def test_a_version_rolled_back_stays_so_through_annotations() -> None:
    conductor = trying()
    conductor.says["v2/a"] = "harm"
    conductor.until("RolledBack")
    conductor.service.annotate("argocd")
    conductor.service.settle()
    conductor.service.start("r-00003")
    conductor.service.settle()
    conductor.says["v2/a"] = "within"
    conductor.run(30)
    assert conductor.phase == "RolledBack"
    assert conductor.service.answers() == {"v1": 100}


def test_a_weight_left_out_by_others_is_set_again() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.service.webhook = False
    conductor.service.apply(conductor.service.template, weight=None)
    conductor.service.settle()
    assert conductor.service.answers() == {"v2": 100}
    conductor.run(3)
    assert conductor.service.answers() == {"v1": 95, "v2": 5}
    assert conductor.phase == "Progressing"
    assert "promoted" not in conductor.story


def test_with_the_webhook_it_is_not_even_left_out() -> None:
    conductor = trying()
    conductor.until_weight(5)
    conductor.service.apply(conductor.service.template, weight=None)
    conductor.service.settle()
    assert conductor.service.answers() == {"v1": 95, "v2": 5}


def test_a_new_version_in_a_released_promotion() -> None:
    conductor = _at_last_step()
    conductor.until("Promoting")
    while conductor.service.weight is not None:
        conductor.now += 1
        conductor.once()
    conductor.service.apply(Template("v3"))
    conductor.service.settle()
    conductor.run(3)
    assert conductor.status.canary is not None
    assert conductor.status.canary.version == "v3"
    assert conductor.service.answers() == {"v1": 100}
    assert conductor.status.stable is not None
    assert conductor.status.stable.version == "v1"


def _changed_while_kserve_lags() -> Conductor:
    """Another image of the same version name, which the InferenceService itself does not name."""
    conductor = deployed()
    conductor.service.late = True
    conductor.service.apply(Template("v1", image="b"))
    return conductor


def test_a_weight_of_the_webhook_is_kept_while_kserve_has_not_carried_the_change_over() -> None:
    conductor = _changed_while_kserve_lags()
    for _ in range(9):
        conductor.once()
        conductor.now += 3
        assert conductor.service.weight == 0
    assert "until KServe has carried it over" in conductor.status.message
    conductor.service.settle()
    conductor.run()
    conductor.service.start("r-00002")
    conductor.service.settle()
    assert conductor.service.traffic == {"r-00001": 100}
    assert conductor.status.canary is not None
    assert conductor.status.canary.identity == "v1/b"


def test_a_new_rollout_keeps_it_too() -> None:
    conductor = _changed_while_kserve_lags()
    conductor.status = RolloutStatus()
    for _ in range(5):
        conductor.once()
        conductor.now += 3
    assert conductor.service.weight == 0


def test_a_weight_of_the_webhook_with_which_nothing_came_is_let_go() -> None:
    conductor = _changed_while_kserve_lags()
    conductor.once()
    conductor.service.template = Template("v1")
    conductor.run(9, seconds=3)
    assert conductor.service.weight == 0
    conductor.run(4, seconds=3)
    assert conductor.service.weight is None
    assert conductor.service.answers() == {"v1": 100}
