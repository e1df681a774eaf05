from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.plan.decision import Decision, Field
from trellis.rollout.simulate.service import CANARY, STABLE, PaperService


def decided(field: Field) -> Decision:
    return Decision(RolloutStatus(), field=field, table="untagged", look="go on", pressing=False)


def test_a_new_version_waits_ready_without_traffic() -> None:
    seen = PaperService().seen()
    assert seen.settled
    assert (seen.rolled_out, seen.traffic) == (STABLE, {CANARY: 0, STABLE: 100})


def test_a_weight_has_taken_effect_and_stays_where_it_is_left() -> None:
    service = PaperService().after(decided(20)).after(decided("leave"))
    assert service.seen().traffic == {CANARY: 20, STABLE: 80}
    assert service.seen().weight_owner == "us"


def test_without_a_weight_the_newest_version_has_all_traffic() -> None:
    seen = PaperService().after(decided(50)).after(decided("absent")).seen()
    assert (seen.weight, seen.rolled_out, seen.traffic) == (None, CANARY, {CANARY: 100, STABLE: 0})
